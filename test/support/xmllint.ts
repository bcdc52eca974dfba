import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { programPath } from './influxd.ts'

const SCHEMAS = fileURLToPath(new URL('../vectors/schemas/', import.meta.url))

/** Whether the foreign checker is there: `apt-get install libxml2-utils`. */
export const hasXmllint = (): boolean => programPath('xmllint') !== null

/** What `xmllint` finds wrong in a document under one of the schemas of test/vectors/schemas; empty: nothing. */
export const complaintsOf = (xml: string, schema: 'cim-meter-readings' | 'atom'): string => {
  const program = programPath('xmllint')
  if (program === null) throw new Error('xmllint is not installed: apt-get install libxml2-utils')
  const run = spawnSync(program, ['--noout', '--nonet', '--schema', `${SCHEMAS}${schema}.xsd`, '-'], { input: xml, encoding: 'utf8' })
  return run.status === 0 ? '' : run.stderr
}
