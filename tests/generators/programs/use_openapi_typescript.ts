// Types by openapi-typescript in the hands of openapi-fetch: sign up, create, edit and list.
import createClient from "openapi-fetch";

import type { paths } from "./rest.js";

declare const process: { argv: string[] };

const [url, email] = process.argv.slice(2) as [string, string];
const password = "Analytical1";
const client = createClient<paths>({ baseUrl: url });

const created = await client.POST("/api/users", {
  body: { name: "Ada", email, password, password_confirm: password },
});
const login = await client.POST("/api/auth/login", { body: { email, password } });
if (!created.data || !login.data) throw new Error("no account");
const headers = { Authorization: `Bearer ${login.data.access_token}` };
client.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
  },
});

const rake = await client.POST("/api/items", { body: { title: "Rake", tags: ["garden"] } });
await client.POST("/api/items", { body: { title: "Spade" } });
if (!rake.data) throw new Error(rake.error.error.code);
const priority: number = rake.data.priority;
const edit = {
  params: { path: { id: rake.data.id }, header: { "If-Match": rake.response.headers.get("ETag") ?? "" } },
  body: { status: "done" as const },
};
await client.PATCH("/api/items/{id}", edit);
const outdated = await client.PATCH("/api/items/{id}", edit);
const missing = await client.GET("/api/items/{id}", { params: { path: { id: created.data.id } } });
const page = await client.GET("/api/items", {
  params: { query: { limit: 10, status: ["open"], include_total: true } },
});
if (!page.data) throw new Error(page.error.error.code);
const total: number | null = page.data.total;

console.log(
  JSON.stringify({
    signed_up: created.data.email === email && created.response.headers.get("Location")?.endsWith(created.data.id),
    created: [rake.data.title, rake.data.tags, priority],
    listed: page.data.data.map((item) => item.title),
    total,
    refusals: [outdated.response.status, missing.error?.error.code],
  }),
);
