// Has AsyncAPI's own parser read documents: node check_documents.mjs FILE...; exit code 1 if one is not valid.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const ERROR = 0;
const parser = new Parser();
for (const file of process.argv.slice(2)) {
  const found = (await parser.validate(readFileSync(file, 'utf8'))).filter((one) => one.severity === ERROR);
  for (const one of found) console.log(`${file}: ${one.path.join('/')}: ${one.message}`);
  if (found.length) process.exitCode = 1;
}
