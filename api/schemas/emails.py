"""E-mail addresses in inputs."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field

from api.core.account_names import MAX_LENGTH, account_name, fold_address, lower_address

Email = Annotated[EmailStr, BeforeValidator(fold_address), AfterValidator(lower_address), Field(max_length=MAX_LENGTH)]
"""A valid e-mail address, in the form in which it is stored."""

GivenEmail = Annotated[str, Field(max_length=MAX_LENGTH), AfterValidator(account_name)]
"""An address that only finds an account: what is none finds none."""
