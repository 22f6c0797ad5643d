import { createClient } from "graphql-sse";

import { allowance, drive } from "./driver.mjs";

drive((url, token) =>
  createClient({
    url,
    headers: { Authorization: `Bearer ${token}` },
    retryAttempts: Infinity,
    retry: allowance,
  }),
);
