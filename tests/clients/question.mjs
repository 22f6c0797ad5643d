// A test asks once, in JSON on standard input, and gets one answer in JSON.
import { text } from "node:stream/consumers";

export const question = JSON.parse(await text(process.stdin));

export const answer = (value) => console.log(JSON.stringify(value));
