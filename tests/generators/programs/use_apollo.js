// Apollo Client's normalised cache: an edit shows in the list, and two views of a member are one.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client/core/index.js";

const [url, email] = process.argv.slice(2);
const password = "Analytical1";
const headers = {};
const client = new ApolloClient({ link: new HttpLink({ uri: `${url}/graphql`, headers }), cache: new InMemoryCache() });

async function query(document, variables) {
  return (await client.query({ query: document, variables })).data;
}

async function mutate(document, variables) {
  return (await client.mutate({ mutation: document, variables })).data;
}

const account = { name: "Ada", email, password, passwordConfirm: password };
const me = (
  await mutate(
    gql`mutation ($input: UserCreate!) { createUser(input: $input) { id personalWorkspaceId } }`,
    { input: account },
  )
).createUser;
const login = await mutate(gql`mutation ($input: Login!) { login(input: $input) { accessToken } }`, {
  input: { email, password },
});
headers.Authorization = `Bearer ${login.login.accessToken}`;

const CREATE = gql`mutation ($input: ItemCreate!) { createItem(input: $input) { id } }`;
const ids = [];
for (const title of ["Axe", "Hoe"]) ids.push((await mutate(CREATE, { input: { title } })).createItem.id);

const LIST = gql`{ items(sort: CREATED_ASC) { edges { node { id title owner { id name } } } } }`;
const shown = [];
const watching = client.watchQuery({ query: LIST }).subscribe(({ data, loading }) => {
  if (!loading && data) shown.push(data.items.edges.map(({ node }) => `${node.title} of ${node.owner.name}`));
});
while (shown.length < 1) await new Promise((resolve) => setTimeout(resolve, 10));

await mutate(gql`mutation ($id: ID!) { updateItem(id: $id, input: { title: "Adze" }) { id title } }`, { id: ids[0] });
await mutate(gql`mutation { updateMe(input: { name: "Grace" }) { id user { id name } } }`);
while (shown.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
watching.unsubscribe();

const variables = { w: me.personalWorkspaceId };
await query(gql`query ($w: ID!) { members(workspaceId: $w) { nodes { id role } } }`, variables);
await query(gql`query ($w: ID!) { workspace(id: $w) { id members { nodes { id user { id } } } } }`, variables);
await query(gql`query ($w: ID!) { changes(workspaceId: $w) { nodes { id seq } } }`, variables);

const cache = client.cache.extract();
const members = Object.entries(cache).filter(([key]) => key.startsWith("Member:"));
console.log(
  JSON.stringify({
    shown,
    members: members.map(([key, { role, user }]) => [
      key === `Member:member:${me.personalWorkspaceId}:${me.id}`,
      role,
      user.__ref === `User:${me.id}`,
    ]),
    changes: Object.keys(cache).filter((key) => key.startsWith("Change:change:")).length,
  }),
);
client.stop();
