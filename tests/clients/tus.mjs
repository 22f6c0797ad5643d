// The public client of tus: uploads one file, and tells what it sees. Commands come in, one JSON object per line.
import { createInterface } from "node:readline";
import { FileUrlStorage, Upload } from "tus-js-client";

const report = (fact) => console.log(JSON.stringify(fact));

let proceed = () => {};
let upload;

async function start({ url, token, size, chunk, pauseAt, again }) {
  const content = Buffer.alloc(size, "Sow in March. ");
  let requests = 0;
  upload = new Upload(content, {
    endpoint: `${url}/api/tus`,
    chunkSize: chunk,
    retryDelays: Array(100).fill(100),
    headers: { Authorization: `Bearer ${token}` },
    metadata: { filename: "seeds.txt", filetype: "text/plain" },
    fingerprint: async () => "seeds",
    urlStorage: new FileUrlStorage("uploads.json"),
    storeFingerprintForResuming: true,
    onBeforeRequest: async (request) => {
      report({ request: request.getMethod(), offset: request.getHeader("Upload-Offset") ?? null });
      if (request.getMethod() === "PATCH" && requests++ === pauseAt) {
        report({ paused: true });
        await new Promise((resolve) => (proceed = resolve));
      }
    },
    onError: (error) => report({ error: error.message }),
    onSuccess: () => report({ success: upload.url }),
  });
  if (again) {
    const [previous] = await upload.findPreviousUploads();
    upload.resumeFromPreviousUpload(previous);
  }
  upload.start();
}

const commands = { start, proceed: () => proceed() };

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { command, ...rest } = JSON.parse(line);
    commands[command](rest);
  })
  .on("close", () => process.exit());
report({ started: true });
