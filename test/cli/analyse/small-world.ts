import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const HEADER = 'meter,time,impKwh,expKwh,ua,ub,uc,ia,ib,ic,in,pKw,pf'
const T0 = Date.parse('2026-03-01T16:00:00Z')
const local = (at: number) => `${new Date(at + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`

/** One row of a readings file; row 0 is the first midnight, 2026-03-02 in UTC+8. */
export const row = (meter: string, at: number, register: string) =>
  `${meter},${local(T0 + at * 900_000)},${register},,230.0,,,1.00,,,1.00,0.230,1.00`

/** Three meters over so many days: the gateway carries what the two customers use and one hundredth more. */
export const readingLines = (days: number): string[] => {
  const lines = [HEADER]
  const rows = days * 96
  const use = (meter: number, at: number) => ((at * (3 + meter)) % 11) / 20 + 0.1
  const registers = [1000, 200, 50]
  for (let at = 0; at <= rows; at++) {
    lines.push(row('GW', at, registers[0]!.toFixed(2)), row('M1', at, registers[1]!.toFixed(2)), row('M2', at, registers[2]!.toFixed(2)))
    const [first, second] = [use(1, at), use(2, at)]
    registers[0]! += (first + second) * 1.01
    registers[1]! += first
    registers[2]! += second
  }
  return lines
}

export const ledger = (change: Record<string, unknown> = {}) => ({
  timezone: 'UTC+8',
  areas: [{ id: 'A1', name: 'one', nominalV: 230, gateway: { meter: 'GW', multiplier: 1 } }],
  meters: [
    { id: 'M1', area: 'A1', type: '1P', multiplier: 1, phase: 'A', contractKW: 10 },
    { id: 'M2', area: 'A1', type: '1P', multiplier: 1, phase: 'B', contractKW: 10 },
  ],
  ...change,
})

export interface Written {
  readonly readings: string
  readonly ledger: string
  readonly comm?: string
}

/** Writes the files of a small world; a text is written as it is, bytes as they are. */
export const write = (
  dir: string,
  readings: readonly string[] | string | Buffer,
  ledgerFile: unknown = ledger(),
  comm?: string,
): Written => {
  mkdirSync(dir, { recursive: true })
  const files = { readings: join(dir, 'readings.csv'), ledger: join(dir, 'ledger.json'), comm: join(dir, 'comm.csv') }
  writeFileSync(files.readings, typeof readings === 'string' || Buffer.isBuffer(readings) ? readings : `${readings.join('\n')}\n`)
  writeFileSync(files.ledger, typeof ledgerFile === 'string' ? ledgerFile : JSON.stringify(ledgerFile))
  if (comm === undefined) return { readings: files.readings, ledger: files.ledger }
  writeFileSync(files.comm, comm)
  return files
}

export const gzip = (lines: readonly string[]): Buffer => gzipSync(`${lines.join('\n')}\n`)
