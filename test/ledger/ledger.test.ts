import { expect, it, onTestFinished } from 'vitest'
import { Ledger, type LedgerInput } from '../../src/ledger/index.ts'
import { scratch } from '../support/processes.ts'

const meter = (id: string, more: Partial<LedgerInput['meters'][number]> = {}): LedgerInput['meters'][number] => ({
  meter: id,
  point: `P-${id}`,
  line: 'hall',
  address: '000000000012',
  profile: 'p',
  ct: '1',
  pt: '1',
  timeoutMs: null,
  from: null,
  ...more,
})
const input = (...meters: LedgerInput['meters']): LedgerInput => ({
  zones: [{ id: 'Z', name: '城关供电所' }],
  areas: [{ id: 'A', name: '东村', zone: 'Z' }],
  points: meters.map(({ point }) => ({ id: point, name: 'somewhere', area: 'A', role: 'customer', phase: 'L1' })),
  meters,
})
const open = (directory = scratch()) => {
  const ledger = new Ledger(directory)
  onTestFinished(() => ledger.close())
  return { ledger, directory }
}

it('answers as of an instant: a changed ratio follows, it does not overwrite', () => {
  const { ledger } = open()
  expect(ledger.apply(input(meter('M1', { ct: '400/5' })), 'a', 1000)).toEqual({ added: 1, changed: 0, closed: 0 })
  expect(ledger.apply(input(meter('M1', { ct: '600/5' })), 'a', 5000)).toEqual({ added: 0, changed: 1, closed: 0 })
  expect(ledger.meters(4999).map(({ ct }) => ct)).toEqual(['400/5'])
  expect(ledger.meters(5000).map(({ ct }) => ct)).toEqual(['600/5'])
  expect(ledger.history()).toMatchObject([
    { from: 0, to: 5000 },
    { from: 5000, to: null },
  ])
})

it('changes nothing when the same file is applied again, also after a restart', () => {
  const { ledger, directory } = open()
  ledger.apply(input(meter('M1'), meter('M2', { address: '000000000013' })), 'a', 1000)
  expect(ledger.apply(input(meter('M1'), meter('M2', { address: '000000000013' })), 'a', 2000)).toEqual({ added: 0, changed: 0, closed: 0 })
  const { ledger: again } = open(directory)
  expect(again.apply(input(meter('M1'), meter('M2', { address: '000000000013' })), 'a', 3000)).toEqual({ added: 0, changed: 0, closed: 0 })
  expect(again.meters(null)).toHaveLength(2)
})

it('closes a meter that has left the file, and opens it anew when it comes back', () => {
  const { ledger } = open()
  ledger.apply(input(meter('M1'), meter('M2')), 'a', 1000)
  expect(ledger.apply(input(meter('M1')), 'a', 2000)).toEqual({ added: 0, changed: 0, closed: 1 })
  expect(ledger.meters(null).map((fact) => fact.meter)).toEqual(['M1'])
  expect(ledger.meters(1999)).toHaveLength(2)
  ledger.apply(input(meter('M1'), meter('M2')), 'a', 3000)
  expect(ledger.meters(2500)).toHaveLength(1)
  expect(ledger.meters(3000)).toHaveLength(2)
})

it('keeps names in any script', () => {
  const { ledger } = open()
  ledger.apply(input(meter('M1')), 'a', 1000)
  expect(ledger.areas()).toEqual([{ id: 'A', name: '东村', zone: 'Z' }])
})
