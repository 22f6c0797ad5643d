import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { allowance, drive } from "./driver.mjs";

drive((url, token) =>
  createClient({
    url: url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${token}` },
    retryAttempts: Infinity,
    // By default a refused connection, as of a server that is just starting, would be the end.
    shouldRetry: () => true,
    retryWait: allowance,
  }),
);
