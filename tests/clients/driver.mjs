// Lets a test drive a client: commands come in and reports go out, one JSON object per line.
import { createInterface } from "node:readline";

const clients = new Map();
const blocked = [];

const report = (fact) => console.log(JSON.stringify(fact));

// Both packages ask here before they connect again, and wait until the test says so.
export function allowance() {
  return new Promise((resolve) => {
    blocked.push(resolve);
    report({ blocked: true });
  });
}

// Both packages offer the same `subscribe(payload, sink)`.
export function drive(createClient) {
  const commands = {
    connect: ({ client, url, token }) => clients.set(client, createClient(url, token)),
    subscribe: ({ client, name, query, variables }) => follow(clients.get(client), name, { query, variables }),
    reconnect: () => blocked.splice(0).forEach((resolve) => resolve()),
  };
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const { command, ...rest } = JSON.parse(line);
      commands[command](rest);
    })
    .on("close", () => process.exit());
  report({ started: true });
}

function follow(client, name, payload) {
  client.subscribe(payload, {
    next: (result) => {
      // After a broken connection the package sends this very payload again: it resumes after the last number.
      const seq = result.data?.changes?.seq;
      if (seq !== undefined) payload.variables.after = seq;
      report({ name, next: result });
    },
    error: (error) => report({ name, error: described(error) }),
    complete: () => report({ name, complete: true }),
  });
}

// A close event and an `Error` hide their fields from JSON.
function described(error) {
  if (Array.isArray(error)) return { errors: error };
  return { code: error.code, reason: error.reason, message: error.message, status: error.response?.status };
}
