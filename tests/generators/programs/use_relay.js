// What Relay's compiler made, run by Relay's runtime: a list, its next page, an edit, a row read again.
import relay from "relay-runtime";

const { ConnectionHandler, Environment, Network, RecordSource, Store, commitMutation, fetchQuery } = relay;
const { createOperationDescriptor, getSingularSelector } = relay;
const [url, email] = process.argv.slice(2);
const password = "Analytical1";
const headers = { "Content-Type": "application/json" };

async function send(path, body) {
  const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
}

async function made(name) {
  return (await import(`./__generated__/${name}.graphql.js`)).default;
}

const account = await send("/api/users", { name: "Ada", email, password, password_confirm: password });
headers.Authorization = `Bearer ${(await send("/api/auth/login", { email, password })).access_token}`;
const workspace = account.personal_workspace_id;
const ids = {};
for (const title of ["Axe", "Hoe", "Rake"]) ids[title] = (await send("/api/items", { title })).id;

const warnings = [];
console.error = (...text) => warnings.push(text.join(" "));
console.warn = console.error;
const environment = new Environment({
  network: Network.create(({ text }, variables) => send("/graphql", { query: text, variables })),
  store: new Store(new RecordSource()),
  getDataID: (value, type) => (type === "Account" ? `account:${value.id}` : value.id),
});

async function read(query, variables) {
  await fetchQuery(environment, query, variables).toPromise();
  const operation = createOperationDescriptor(query, variables);
  environment.retain(operation);
  return environment.lookup(operation.fragment).data;
}

function inside(fragment, ref) {
  return environment.lookup(getSingularSelector(fragment, ref)).data;
}

const [list, item, user, member] = await Promise.all(["board_items", "board_item", "board_user", "board_member"].map(made));
const top = (await read(await made("boardQuery"), { workspace })).workspace;
const titles = () => inside(list, top).items.edges.map(({ node }) => inside(item, node).title);
const first = titles();

const next = { id: workspace, first: 2, after: inside(list, top).items.pageInfo.endCursor };
await read(await made("boardItemsQuery"), next);
const all = titles();

await new Promise((resolve, reject) => {
  const variables = { id: ids.Hoe, input: { title: "Mattock" } };
  made("boardRenameMutation").then((mutation) =>
    commitMutation(environment, { mutation, variables, onCompleted: resolve, onError: reject }),
  );
});
const renamed = titles();

await fetch(`${url}/api/items/${ids.Axe}`, { method: "PATCH", headers, body: JSON.stringify({ title: "Adze" }) });
await read(await made("boardItemQuery"), { id: ids.Axe });
const again = titles();

const edge = inside(list, top).items.edges[0];
const owner = inside(user, edge.node.owner);
const node = inside(list, top).members.nodes[0];
const self = (await read(await made("boardMemberQuery"), { id: node.__id })).node;

const connections = [ConnectionHandler.getConnectionID(workspace, "board_items", { sort: "TITLE_ASC" })];
await new Promise((resolve, reject) => {
  made("boardRemoveMutation").then((mutation) =>
    commitMutation(environment, { mutation, variables: { id: ids.Axe, connections }, onCompleted: resolve, onError: reject }),
  );
});

const report = { first, all, renamed, again, owner: owner.name, role: inside(member, self).role, left: titles(), warnings };
console.log(JSON.stringify(report));
