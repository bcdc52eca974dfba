import { expect, it } from 'vitest'
import { agreedPoint } from '../../src/gateway/measuring-points.ts'

const A = '000000000001'
const B = '000000000002'
const C = '000000000003'
/** An archive: measuring points and who is there. */
const archive = (...records: readonly (readonly [number, string])[]) => ({
  addressOf: (pn: number) => new Map(records).get(pn) ?? null,
  pnOf: (address: string) => new Map(records.map(([pn, own]) => [own, pn])).get(address) ?? null,
})

it.each([
  ['only the ledger knows', 7, A, archive(), 7],
  ['only the archive knows', null, A, archive([7, A]), 7],
  ['nobody knows', null, A, archive([7, B]), null],
  ['both agree', 7, A, archive([7, A], [8, B]), 7],
  ['the archive has the meter twice, and once where the ledger has it', 7, A, archive([7, A], [9, A]), 7],
  ['the archive has another meter there', 7, A, archive([7, B]), null],
  ['the archive has the meter elsewhere', 7, A, archive([8, A]), null],
  ['two were exchanged', 7, A, archive([7, B], [8, A]), null],
  ['the archive knows others only', 7, A, archive([8, B], [9, C]), 7],
] as const)('a measuring point when %s', (_, inLedger, address, said, point) => expect(agreedPoint(inLedger, address, said)).toBe(point))
