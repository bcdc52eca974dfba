import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { programPath } from './influxd.ts'

const SCHEMAS = fileURLToPath(new URL('../vectors/schemas/', import.meta.url))

/** Whether the foreign checker is there: `apt-get install libxml2-utils`. */
export const hasXmllint = (): boolean => programPath('xmllint') !== null

/**
 * Whole schemas of other houses that may not lie here: whoever has one names its file, and everything is checked against it too.
 * test/vectors/schemas/README.md
 */
const WHOLE = { 'cim-meter-readings': process.env.CIM_METER_READINGS_XSD, atom: process.env.ESPI_ATOM_XSD } as const

/** What `xmllint` finds wrong in a document under one of the schemas of test/vectors/schemas; empty: nothing. */
export const complaintsOf = (xml: string, schema: keyof typeof WHOLE): string => {
  const program = programPath('xmllint')
  if (program === null) throw new Error('xmllint is not installed: apt-get install libxml2-utils')
  for (const file of [`${SCHEMAS}${schema}.xsd`, WHOLE[schema] ?? '']) {
    if (file === '') continue
    const run = spawnSync(program, ['--noout', '--nonet', '--schema', file, '-'], { input: xml, encoding: 'utf8' })
    if (run.status !== 0) return run.stderr
  }
  return ''
}
