"""One operation, two doors: whatever one of them has, the other has under the same name."""

import re
from enum import StrEnum
from functools import cache
from typing import Any, get_args

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from api.config import Settings
from api.core.errors import STATUS
from api.core.live import Effect
from api.main import create_app
from api.problems import MEDIA_TYPE
from api.schemas import (
    api_keys,
    changes,
    files,
    invitations,
    items,
    jobs,
    mail,
    messages,
    oidc,
    security_events,
    sessions,
    two_step,
    uploads,
    users,
    webhooks,
    workspaces,
)
from api.schemas.types import Input, Output
from db.models import ChangeKind
from graphql_schema import ENUMS
from graphql_schema.live import EventKind
from graphql_schema.schema import create_schema

REST_ONLY = {
    "get_health": "asked by what watches the process, which speaks no GraphQL",
    "get_ready": "asked by load balancers, which speak no GraphQL",
    "upload_files": "bytes come over HTTP alone",
    "get_file_content": "bytes go over HTTP alone",
    "get_thumbnail": "bytes go over HTTP alone; their address is the field `thumbnailUrl` of a file",
    "put_upload": "bytes come over HTTP alone",
    "append_to_upload": "as `put_upload`, by tus",
    "begin_tus_upload": "`create_upload` as tus has it, which is HTTP",
    "list_item_files": "the field `files` of an item in GraphQL, or `files` with a filter",
    "stream_changes": "an endless answer, which GraphQL has as subscriptions",
    "stream_mine": "as `stream_changes`",
}
"""Operations that REST has to itself, and why."""

GRAPHQL_ONLY = {
    "query node": "reads anything again by its id alone, for Relay; REST has an address for each kind",
    "query nodes": "as `node`",
    "mutation renewStream": "a socket outlives its token; REST's stream reconnects with a fresh one",
    "subscription changes": "`stream_changes` of REST",
    "subscription itemChanges": "`stream_changes` of REST with filter parameters",
    "subscription mine": "`stream_mine` of REST",
    "subscription messagePosted": "a part of `stream_changes` of REST, for clients that want a chat",
}
"""Operations that GraphQL has to itself, and why."""

PAGING = {"skip", "limit", "cursor", "include_total"}
"""Which part of a list is wanted; in GraphQL `first`, `after`, `last`, `before` and `totalCount`."""

REST_OUTPUTS: dict[str, type[Output]] = {
    "AccessToken": sessions.AccessToken,
    "ApiKey": api_keys.ApiKeyRead,
    "NewApiKey": api_keys.NewApiKey,
    "OidcSignIn": oidc.OidcSignIn,
    "RecoveryCodes": two_step.RecoveryCodes,
    "RevokedSessions": sessions.RevokedSessions,
    "SecurityEvent": security_events.SecurityEventRead,
    "Session": sessions.SessionRead,
    "StreamTicket": sessions.StreamTicket,
    "TwoStepSecret": two_step.TwoStepSecret,
    "Account": users.AccountRead,
    "Change": changes.ChangeRead,
    "Invitation": invitations.InvitationRead,
    "DownloadLink": files.DownloadLink,
    "PendingFile": uploads.PendingFile,
    "Upload": uploads.UploadRead,
    "UploadHeader": uploads.UploadHeader,
    "File": files.FileRead,
    "Item": items.ItemRead,
    "Job": jobs.JobRead,
    "Member": workspaces.Membership,
    "Message": messages.MessageRead,
    "OwnChange": changes.OwnChangeRead,
    "Receipt": mail.Receipt,
    "User": users.UserRead,
    "CreatedWebhook": webhooks.CreatedWebhook,
    "Webhook": webhooks.WebhookRead,
    "WebhookDelivery": webhooks.WebhookDeliveryRead,
    "Workspace": workspaces.WorkspaceRead,
}
"""The output schema behind each GraphQL type that stands for a thing."""

ONLY_IN_GRAPHQL = {
    ("File", "thumbnailUrl"): "takes arguments; in REST it is an operation",
    ("Change", "id"): "REST names an entry by its workspace and number, as the log is read",
    ("Member", "id"): "REST names a member by its workspace and user, as in its address",
    ("Member", "email"): "REST has it inside `user`, where GraphQL has the User type everybody sees",
    ("Workspace", "role"): "depends on the caller, so that REST leaves it to the list of members",
}

ONLY_IN_REST = {"UploadedFiles"}
"""What an operation of `REST_ONLY` answers, and nothing else."""

STREAMED = {"ChangeEvent", "ItemEvent", "MessageEvent", "OwnEvent", "Renewal"}
"""What only the operations of `GRAPHQL_ONLY` answer."""

STREAMED_ENUMS: dict[str, type[StrEnum]] = {"Effect": Effect, "EventKind": EventKind}
"""Words of events; in REST an effect is a value inside `data`, and a kind the name of the event."""


@cache
def openapi() -> dict[str, Any]:
    document: dict[str, Any] = create_app(Settings.model_construct(secret_key=None)).openapi()
    return document


@cache
def schema() -> GraphQLSchema:
    return build_schema(create_schema(Settings.model_construct()).as_str())


@cache
def operations() -> dict[str, dict[str, Any]]:
    """Return the REST operations by name."""
    return {one["operationId"]: one for methods in openapi()["paths"].values() for one in methods.values()}


def graphql_operations() -> dict[str, GraphQLField]:
    """Return the root fields by kind and name, such as `mutation updateItem`."""
    kinds = {
        "query": schema().query_type,
        "mutation": schema().mutation_type,
        "subscription": schema().subscription_type,
    }
    return {f"{kind} {name}": field for kind, root in kinds.items() if root for name, field in root.fields.items()}


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def graphql_name(operation: str) -> str:
    """Return where DESIGN's rule puts an operation: reads drop their verb."""
    verb, _, rest = operation.partition("_")
    return f"query {camel(rest)}" if verb in ("get", "list") else f"mutation {camel(operation)}"


SHARED = sorted(set(operations()) - set(REST_ONLY))


def test_the_naming_rule_is_the_one_of_the_design() -> None:
    assert graphql_name("update_item") == "mutation updateItem"
    assert graphql_name("get_item") == "query item"
    assert graphql_name("list_items") == "query items"
    assert graphql_name("get_me") == "query me"
    assert graphql_name("login") == "mutation login"


def test_every_operation_exists_at_both_doors() -> None:
    shared = {graphql_name(operation) for operation in SHARED}
    assert shared | set(GRAPHQL_ONLY) == set(graphql_operations())
    assert not shared & set(GRAPHQL_ONLY)
    assert set(REST_ONLY) <= set(operations())


def test_no_operation_of_rest_has_its_name_by_accident() -> None:
    count = sum(len(methods) for methods in openapi()["paths"].values())
    assert len(operations()) == count
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in operations())


@pytest.mark.parametrize("operation", SHARED)
def test_an_operation_takes_the_same_at_both_doors(operation: str) -> None:
    field = graphql_operations()[graphql_name(operation)]
    assert _rest_parameters(operation) == _graphql_parameters(field)


def _rest_parameters(operation: str) -> set[str]:
    parameters = operations()[operation].get("parameters", [])
    # Who has a token, as GraphQL wants it, needs no ticket.
    names = {one["name"] for one in parameters if one["in"] in ("path", "query")} - _paging(operation) - {"ticket"}
    if any(one["name"] == "If-Match" for one in parameters):
        names.add("expected_version")
    if operation in ("list_members", "list_changes", "add_member", "update_member", "remove_member", "invite_member"):
        # `id` in a path under /workspaces; where a member or a change is meant, it needs its whole name.
        names = names - {"id"} | {"workspace_id"}
    body = operations()[operation].get("requestBody")
    if body is not None:
        names.add(f"input: {_reference(body['content']['application/json']['schema'])}")
    return names


def _paging(operation: str) -> set[str]:
    return set() if operation in ("list_changes", "list_my_changes") else PAGING


def _graphql_parameters(field: GraphQLField) -> set[str]:
    names = set()
    for name, argument in field.args.items():
        if name == "input":
            names.add(f"input: {get_named_type(argument.type).name}")
        elif name == "filter":
            kind = get_named_type(argument.type)
            assert isinstance(kind, GraphQLInputObjectType)
            names |= {snake(part) for part in kind.fields}
        elif name not in _relay(field):
            names.add(snake(name))
    return names


def _relay(field: GraphQLField) -> set[str]:
    """Return the paging arguments, all four of which a connection must have."""
    if not get_named_type(field.type).name.endswith("Connection"):
        return set()
    relay = {"first", "after", "last", "before"}
    assert relay <= set(field.args)
    return relay


@pytest.mark.parametrize("operation", SHARED)
def test_an_operation_answers_the_same_thing_at_both_doors(operation: str) -> None:
    field = graphql_operations()[graphql_name(operation)]
    responses = operations()[operation]["responses"]
    answer = get_named_type(field.type).name
    if "204" in responses:
        assert answer == "Deleted"
        return
    good = responses.get("200") or responses["201"]
    name = _reference(good["content"]["application/json"]["schema"])
    assert answer.replace("Connection", "List") == name.removesuffix("Read")


def _reference(node: dict[str, Any]) -> str:
    return str(node["$ref"]).rsplit("/", 1)[1]


def inputs(kind: type[Input] = Input) -> dict[str, type[Input]]:
    """Return the inputs that the application has, so that none can be forgotten here."""
    known = {one.__name__: one for one in kind.__subclasses__() if one.__module__.startswith("api.schemas.")}
    return known | {name: one for each in known.values() for name, one in inputs(each).items()}


INPUTS = {name: model for name, model in inputs().items() if not name.endswith("Query") and name != "FilePlace"}
"""All but query strings, which are arguments in GraphQL, compared operation by operation, and the form of an upload."""


def test_every_input_of_one_door_is_one_of_the_other() -> None:
    graphql = {name for name, one in schema().type_map.items() if isinstance(one, GraphQLInputObjectType)}
    assert graphql == set(INPUTS)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_an_input_has_the_same_fields_and_descriptions_at_both_doors(name: str) -> None:
    one = schema().type_map[name]
    assert isinstance(one, GraphQLInputObjectType)
    graphql = {key: (field.description, _required(field)) for key, field in one.fields.items()}
    model = {camel(key): (field.description, field.is_required()) for key, field in INPUTS[name].model_fields.items()}
    assert graphql == model
    if name in openapi()["components"]["schemas"]:
        assert {key: text for key, (text, _) in model.items()} == _documented(name)


def _required(field: Any) -> bool:
    return str(field.type).endswith("!")


def _documented(name: str) -> dict[str, str]:
    properties = openapi()["components"]["schemas"][name]["properties"]
    return {camel(key): one["description"] for key, one in properties.items()}


def test_every_thing_of_graphql_is_compared_with_its_rest_schema() -> None:
    things = {
        name
        for name, one in schema().type_map.items()
        if isinstance(one, GraphQLObjectType)
        and not is_introspection_type(one)
        and not name.endswith(("Connection", "Edge"))
        and name not in ("Query", "Mutation", "Subscription", "PageInfo", "Deleted")
        and not name.endswith("ChangeList")
    }
    assert things == {*REST_OUTPUTS, *STREAMED}
    known = {*INPUTS, *(kind.__name__ for kind in ENUMS), "Problem"}
    shown = {name for name in openapi()["components"]["schemas"] if name not in known and not name.endswith("List")}
    compared = {model.__name__ for model in REST_OUTPUTS.values()}
    # REST shows the people behind members inside these, and the health of the process at its door alone.
    assert shown == compared - {"Membership"} | {"MemberRead", "MemberUser", "Health", "Ready", *ONLY_IN_REST}


def test_what_graphql_alone_shows_is_still_there() -> None:
    for name, key in ONLY_IN_GRAPHQL:
        one = schema().type_map[name]
        assert isinstance(one, GraphQLObjectType)
        assert key in one.fields
    inside = set(workspaces.MemberUser.model_fields)
    assert inside == {*users.UserRead.model_fields, "email"}
    assert set(workspaces.MemberRead.model_fields) == {*workspaces.Membership.model_fields, "user"}
    assert set(workspaces.MemberState.model_fields) == {*workspaces.Membership.model_fields, "name"}


@pytest.mark.parametrize("name", sorted(REST_OUTPUTS))
def test_a_thing_shows_the_same_plain_fields_at_both_doors(name: str) -> None:
    one = schema().type_map[name]
    assert isinstance(one, GraphQLObjectType)
    plain = {
        key: (field.description, str(field.type).endswith("!"))
        for key, field in one.fields.items()
        if not isinstance(get_named_type(field.type), GraphQLObjectType) and (name, key) not in ONLY_IN_GRAPHQL
    }
    model = REST_OUTPUTS[name]
    properties = model.model_json_schema()["properties"]
    nullable = {key for key, part in properties.items() if _takes_null(part)}
    told = {
        camel(key): (field.description, key not in nullable)
        for key, field in model.model_fields.items()
        if not _is_thing(field.annotation)
    }
    assert plain == told
    assert {camel(key) for key in properties} <= set(one.fields)


def _is_thing(annotation: Any) -> bool:
    """Return whether it is an output itself, or a list of such."""
    kinds = (annotation, *get_args(annotation))
    return any(isinstance(kind, type) and issubclass(kind, Output) for kind in kinds)


def _takes_null(part: dict[str, Any]) -> bool:
    return {"type": "null"} in part.get("anyOf", [])


def test_enumerations_have_the_same_values_at_both_doors() -> None:
    graphql = {
        name: set(one.values)
        for name, one in schema().type_map.items()
        if isinstance(one, GraphQLEnumType) and not is_introspection_type(one)
    }
    kinds: dict[str, type[StrEnum]] = {**{kind.__name__: kind for kind in ENUMS}, **STREAMED_ENUMS}
    assert graphql == {name: {member.name for member in kind} for name, kind in kinds.items()}
    assert {member.value for member in EventKind} == {"ready", *(member.value for member in ChangeKind)}
    rest = openapi()["components"]["schemas"]
    for kind in ENUMS:
        assert set(rest[kind.__name__]["enum"]) == {member.value for member in kind}
        for member in kind:
            # An order is `-created` here and CREATED_DESC there; everything else differs in case only.
            expected = re.sub(r"^-(.*)$", r"\1_desc", member.value)
            assert member.name.lower() in (expected, f"{expected}_asc")


@pytest.mark.parametrize("operation", sorted(operations()))
def test_every_operation_of_rest_is_documented_with_its_errors(operation: str) -> None:
    one = operations()[operation]
    assert one["summary"]
    assert one["description"].rstrip().endswith(".")
    assert one["tags"]
    assert all(parameter["description"] for parameter in one.get("parameters", []))
    errors = {status: answer for status, answer in one["responses"].items() if int(status) >= 400}
    for status, answer in errors.items():
        codes = re.findall(r"`(\w+)`", answer["description"])
        examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
        schema = {"$ref": "#/components/schemas/Problem"}
        assert answer["content"] == {MEDIA_TYPE: {"schema": schema, "examples": examples}}
        assert codes
        assert {STATUS[code] for code in codes} == {int(status)}
    assert _expected_errors(operation) <= set(errors)


def _expected_errors(operation: str) -> set[str]:
    if operation in REST_ONLY:
        return {"503"} if operation == "get_ready" else set()
    expected = {"400", "401", "422", "500", "503"}
    names = {parameter["name"] for parameter in operations()[operation].get("parameters", [])}
    if "id" in names:
        expected |= {"403", "404"}
    if "If-Match" in names:
        expected |= {"412"}
    if "requestBody" in operations()[operation]:
        expected |= {"413", "415"}
    return expected


def test_everything_in_the_graphql_schema_has_a_description() -> None:
    bare = [path for path, thing in _described() if not (thing.description or "").strip()]
    assert bare == []


def _described() -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, one in schema().type_map.items():
        if is_introspection_type(one) or is_specified_scalar_type(one):
            continue
        found.append((name, one))
        if isinstance(one, GraphQLObjectType | GraphQLInputObjectType):
            for key, field in one.fields.items():
                found.append((f"{name}.{key}", field))
                arguments: dict[str, GraphQLArgument] = getattr(field, "args", {})
                found += [(f"{name}.{key}({key_})", argument) for key_, argument in arguments.items()]
    return found
