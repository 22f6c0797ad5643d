"""Foreign generators make clients of our two documents that work, without a warning and without a flag."""

import json
import shutil

from tests.clients.packages import PackageError, go_without
from tests.generators.tools import Workshop
from tests.live import LiveServer

BY_REST = {"signed_up": True, "listed": ["Spade"], "total": 1, "refusals": [412, "NOT_FOUND"]}
BY_GRAPHQL = BY_REST | {"refusals": ["PRECONDITION_FAILED", "VALIDATION_ERROR"]}
RAKE = {"created": ["Rake", ["garden"], 0]}


def test_the_document_is_valid(workshop: Workshop) -> None:
    assert "OK" in workshop.run(workshop.python, "-m", "openapi_spec_validator", "openapi.json")


def test_openapi_generator(workshop: Workshop, server: LiveServer) -> None:
    java = shutil.which("java")
    if java is None:
        go_without(PackageError("Java is not installed"))
    where = "import openapi_generator_cli as package; print(package.__path__[0])"
    jar = workshop.run(workshop.python, "-c", where).strip() + "/openapi-generator.jar"
    made = "--global-property=models,apis,supportingFiles,modelTests=false,apiTests=false,modelDocs=false,apiDocs=false"
    workshop.run(
        *(java, "-jar", jar, "generate", "--input-spec", "openapi.json", "--generator-name", "python"),
        *("--output", ".", "--package-name", "by_openapi_generator", made),
    )
    workshop.take("use_openapi_generator.py")
    report = workshop.report(server, workshop.python, "use_openapi_generator.py")
    assert report == BY_REST | {"created": ["Rake", {"bed": 3}, 0]}


def test_openapi_python_client(workshop: Workshop, server: LiveServer) -> None:
    (workshop.folder / "config.json").write_text(
        json.dumps({"package_name_override": "by_openapi_python_client", "post_hooks": []})
    )
    said = workshop.run(
        *(workshop.python, "-m", "openapi_python_client", "generate", "--path", "openapi.json"),
        *("--meta", "none", "--output-path", "by_openapi_python_client", "--config", "config.json"),
    )
    assert "arning" not in said
    workshop.take("use_openapi_python_client.py")
    assert workshop.report(server, workshop.python, "use_openapi_python_client.py") == BY_REST | RAKE


def test_openapi_typescript(workshop: Workshop, server: LiveServer) -> None:
    workshop.script("openapi-typescript", "bin/cli.js", "openapi.json", "--output", "rest.ts")
    workshop.take("use_openapi_typescript.ts")
    workshop.compile("use_openapi_typescript.ts")
    assert workshop.report(server, "node", "use_openapi_typescript.js") == BY_REST | RAKE


def test_graphql_codegen(workshop: Workshop, server: LiveServer) -> None:
    scalars = {"DateTime": "string", "BigInt": "number", "JSON": "unknown"}
    output = {
        "plugins": ["typescript-operations", "typed-document-node"],
        "config": {"strictScalars": True, "scalars": scalars, "useTypeImports": True},
    }
    config = {"schema": "schema.graphql", "documents": "operations.graphql", "generates": {"graphql.ts": output}}
    (workshop.folder / "codegen.json").write_text(json.dumps(config))
    workshop.take("operations.graphql", "use_graphql_codegen.ts")
    workshop.script("@graphql-codegen/cli", "cjs/bin.js", "--config", "codegen.json")
    workshop.compile("use_graphql_codegen.ts")
    assert workshop.report(server, "node", "use_graphql_codegen.js") == BY_GRAPHQL | RAKE


def test_ariadne_codegen(workshop: Workshop, server: LiveServer) -> None:
    (workshop.folder / "pyproject.toml").write_text(
        '[tool.ariadne-codegen]\nschema_path = "schema.graphql"\nqueries_path = "operations.graphql"\n'
        'target_package_path = "."\ntarget_package_name = "by_ariadne_codegen"\n'
    )
    workshop.take("operations.graphql", "use_ariadne_codegen.py")
    workshop.run(workshop.python, "-m", "ariadne_codegen")
    assert workshop.report(server, workshop.python, "use_ariadne_codegen.py") == BY_GRAPHQL | RAKE
