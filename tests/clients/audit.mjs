// What the audits of `graphql-http` find against GraphQL over HTTP.
import { auditServer } from "graphql-http";

import { answer, question } from "./question.mjs";

const results = await auditServer({ url: question.url });
answer(results.filter(({ status }) => status !== "ok").map(({ id, name, status, reason }) => ({ id, name, status, reason })));
