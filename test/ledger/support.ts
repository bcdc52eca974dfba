import { expect, onTestFinished } from 'vitest'
import { type Act, Ledger, type LedgerWorld, type Patch, type Value } from '../../src/ledger/index.ts'
import { scratch } from '../support/processes.ts'

export const NOW = Date.parse('2026-08-15T12:00:00Z')
export const day = (text: string): number => Date.parse(`${text}T00:00:00Z`)

export const act = (change: Partial<Act> = {}): Act => ({ what: 'import', who: 'wang', why: 'test', workOrder: null, at: NOW, ...change })
export const patch = (kind: Patch['kind'], id: string, set: Record<string, Value>, from: number | null = null, place?: string): Patch => ({
  ...{ kind, id, from, set },
  ...(place === undefined ? {} : { place }),
})

/** One line `hall`, one model `p`; addresses are digits, leading zeros do not count. */
export const WORLD: LedgerWorld = {
  isChannel: (id) => id === 'hall' || id === 'yard',
  isProfile: (id) => id === 'p' || id === 'q',
  addressOf: (address) =>
    /^\d{1,12}$/.test(address) ? { ok: true, value: address.padStart(12, '0') } : { ok: false, problem: 'must be up to 12 digits' },
  addressBehind: (address, profile) =>
    profile !== 'p'
      ? { ok: false, problem: `its profile ${profile} cannot be read through a concentrator` }
      : /^\d{12}$/.test(address)
        ? { ok: true, value: address }
        : { ok: false, problem: 'must be 12 digits' },
  terminalAddress: (address) =>
    /^\d{4}-\d{1,5}$/.test(address) ? { ok: true, value: address } : { ok: false, problem: 'must be such as 4510-21' },
}

export const open = (directory = scratch(), world: LedgerWorld | undefined = WORLD): { ledger: Ledger; directory: string } => {
  const ledger = new Ledger(directory, world)
  onTestFinished(() => ledger.close())
  return { ledger, directory }
}

/** Zone Z, area A, points P1 to P3, meters M1 and M2 at the first two. */
export const SITE: readonly Patch[] = [
  patch('zone', 'Z', { name: '城关供电所' }),
  patch('area', 'A', { name: '东村', zone: 'Z' }),
  patch('point', 'P1', { area: 'A', name: 'mill', ct: '400/5' }),
  patch('point', 'P2', { area: 'A' }),
  patch('point', 'P3', { area: 'A' }),
  patch('meter', 'M1', { point: 'P1', line: 'hall', address: '000000000001', profile: 'p' }),
  patch('meter', 'M2', { point: 'P2', line: 'hall', address: '000000000002', profile: 'p' }),
]

export const site = () => {
  const opened = open()
  good(opened.ledger.apply(SITE, act({ at: day('2026-01-01') })))
  return opened
}

export const good = <T, E>(result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }): T => {
  if (!result.ok) expect.fail(JSON.stringify(result.error))
  return result.value
}
export const bad = <T, E>(result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }): E => {
  if (result.ok) expect.fail(JSON.stringify(result.value))
  return result.error
}
