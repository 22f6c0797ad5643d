// What the reference implementation of graphql-transport-ws takes for a message.
import { validateMessage } from "graphql-ws";

import { answer, question } from "./question.mjs";

function isMessage(value) {
  try {
    validateMessage(value);
    return true;
  } catch {
    return false;
  }
}

answer(question.map(isMessage));
