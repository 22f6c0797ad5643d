// Clients that differ in what they accept: each reads, writes, is refused and asks for what is not there.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client/core";
import { createPersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange } from "@urql/core";
import { GraphQLClient } from "graphql-request";

import { answer, question } from "./question.mjs";

const { url, token } = question;
const headers = { Authorization: `Bearer ${token}` };

const READ = "query Me { me { email } }";
const WRITE = "mutation Create($title: String!) { createItem(input: { title: $title }) { title } }";
const REFUSED = 'query Nobody { item(id: "00000000-0000-0000-0000-000000000000") { title } }';
const WRONG = "query Wrong { me { colour } }";

const codes = (errors) => (errors ?? []).map((error) => error.extensions.code);

function urql() {
  const client = new Client({ url, exchanges: [fetchExchange], fetchOptions: { headers }, preferGetMethod: false });
  return async (document, variables = {}) => {
    const run = document.startsWith("mutation") ? client.mutation(document, variables) : client.query(document, variables);
    const { data, error } = await run.toPromise();
    return { data: data ?? null, codes: codes(error?.graphQLErrors), broken: error?.networkError?.message ?? null };
  };
}

function request() {
  const client = new GraphQLClient(url, { headers, errorPolicy: "all" });
  return async (document, variables) => {
    try {
      const { data, errors } = await client.rawRequest(document, variables);
      return { data: data ?? null, codes: codes(errors), broken: null };
    } catch (error) {
      return { data: error.response?.data ?? null, codes: codes(error.response?.errors), broken: error.response ? null : error.message };
    }
  };
}

function apollo(before) {
  const end = new HttpLink({ uri: url, headers });
  const client = new ApolloClient({ link: before ? before.concat(end) : end, cache: new InMemoryCache() });
  return async (document, variables) => {
    const options = { variables, errorPolicy: "all", fetchPolicy: "no-cache" };
    const run = document.startsWith("mutation") ? { mutation: gql(document) } : { query: gql(document) };
    const { data, error } = await (run.mutation ? client.mutate({ ...run, ...options }) : client.query({ ...run, ...options }));
    return { data: data ?? null, codes: codes(error?.errors), broken: error && !error.errors ? error.message : null };
  };
}

const persisted = createPersistedQueryLink({ generateHash: async (document) => String(document.loc?.source.body.length) });
const clients = { urql: urql(), request: request(), apollo: apollo(), persisted: apollo(persisted) };
const told = {};
for (const [name, ask] of Object.entries(clients)) {
  told[name] = {
    read: await ask(READ),
    write: await ask(WRITE, { title: name }),
    refused: await ask(REFUSED),
    wrong: await ask(WRONG),
  };
}
answer(told);
