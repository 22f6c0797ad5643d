// Documents by graphql-codegen (typed-document-node): sign up, create, edit and list.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";

import {
  CreateItemDocument,
  GetNodeDocument,
  ListItemsDocument,
  SignInDocument,
  SignUpDocument,
  UpdateItemDocument,
} from "./graphql.js";

declare const process: { argv: string[] };

const [url, email] = process.argv.slice(2) as [string, string];
const password = "Analytical1";
let authorization: Record<string, string> = {};

type Answer<R> = { data?: R; errors?: { extensions: { code: string } }[] };

async function ask<R, V>(document: TypedDocumentNode<R, V>, variables: V): Promise<Answer<R>> {
  const answer = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorization },
    body: JSON.stringify({ query: print(document), variables }),
  });
  return (await answer.json()) as Answer<R>;
}

async function must<R, V>(document: TypedDocumentNode<R, V>, variables: V): Promise<R> {
  const answer = await ask(document, variables);
  if (!answer.data || answer.errors) throw new Error(JSON.stringify(answer));
  return answer.data;
}

const me = await must(SignUpDocument, {
  input: { name: "Ada", email, password, passwordConfirm: password },
});
const token = await must(SignInDocument, { input: { email, password } });
authorization = { Authorization: `Bearer ${token.login?.accessToken}` };

const rake = (await must(CreateItemDocument, { input: { title: "Rake", tags: ["garden"] } })).createItem;
await must(CreateItemDocument, { input: { title: "Spade" } });
const edit = { id: rake!.id, input: { status: "DONE" as const }, expectedVersion: rake!.version };
await must(UpdateItemDocument, edit);
const outdated = await ask(UpdateItemDocument, edit);
const missing = await ask(GetNodeDocument, { id: "nobody" });
const page = await must(ListItemsDocument, { first: 10, status: ["OPEN"] });
const node = (await must(GetNodeDocument, { id: rake!.id })).node;

console.log(
  JSON.stringify({
    signed_up: me.createUser?.email === email && node?.__typename === "Item" && node.title === "Rake",
    created: [rake!.title, rake!.tags, rake!.priority],
    listed: page.items?.nodes.map((item) => item.title),
    total: page.items?.totalCount,
    refusals: [outdated.errors?.[0]?.extensions.code, missing.errors?.[0]?.extensions.code],
  }),
);
