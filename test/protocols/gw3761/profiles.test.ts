import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { gw3761 } from '../../../protocols/gw3761/adapter.ts'
import { loadProfile } from '../../../protocols/gw3761/profile.ts'
import { quantitiesOf } from '../../../protocols/gw3761/standard-lines.ts'
import { rowOf } from '../../../protocols/gw3761/tables.ts'
import { verifyProfile } from '../../../protocols/gw3761/verify.ts'
import { loadAnyProfile, verifyAnyProfile } from '../../../protocols/index.ts'
import type { ReadKind } from '../../../src/core/adapter.ts'
import { at } from './terminal.ts'

const folder = new URL('../../../config/profiles/gw3761/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const verify = (json: unknown) => {
  const loaded = loadProfile(json)
  if (!loaded.ok) throw new Error(loaded.error.message)
  return verifyProfile(loaded.value)
}
const line = { obis: '1-0:1.8.0', fn: 'F129', scaler: -4, unit: 'kWh', sample: { hex: '00 79 92 00 00', value: 92.79 } }
const profile = { id: 'x', protocol: 'gw3761', source: 'test', registers: [line] }
const KINDS: readonly ReadKind[] = ['current', 'day-freeze', 'month-freeze', 'curve']

describe('profile files', () => {
  it('are there', () => expect(files).toHaveLength(3))
  it.each(files)('%s proves every line with its sample, and can be planned', (name) => {
    expect(verify(read(name))).toEqual([])
    expect(verifyAnyProfile(read(name))).toEqual({ ok: true, value: [] })
    expect(loadAnyProfile(read(name)).ok).toBe(true)
    for (const kind of KINDS) expect(gw3761(1).plan(read(name), { kind, since: at('2026-11-22') }).ok).toBe(true)
  })
  it.each(files)('%s calls every number what a report would call it', (name) => {
    const { registers, dayFreeze, monthFreeze, curve } = read(name)
    for (const [afn, lines] of [
      [0x0c, registers],
      [0x0d, [...dayFreeze.registers, ...monthFreeze.registers, ...curve.registers]],
    ] as const)
      for (const { obis, fn, field, index = 0, scaler, unit } of lines) {
        const quantity = quantitiesOf(afn, Number(fn.slice(1)))?.find((one) => one.field === (field ?? 'values'))
        expect([fn, quantity?.obis[index], quantity?.unit, quantity?.scaler]).toEqual([fn, obis, unit, scaler])
      }
  })
  it('name items that the tables have', () => {
    for (const [afn, fns] of [
      [0x0c, [25, 33, 34, 129, 136, 145, 148]],
      [0x0d, [1, 4, 9, 17, 20, 81, 95, 101, 108, 145, 148, 161, 168, 177, 184, 185, 196]],
    ] as const)
      for (const fn of fns) {
        const names = quantitiesOf(afn, fn)?.map(({ field }) => field)
        const [body] = rowOf(afn, fn)?.bodies ?? []
        expect([fn, names?.every((name) => JSON.stringify(body).includes(`"name":"${name}"`))]).toEqual([fn, true])
      }
  })
})

describe('verification', () => {
  it.each([
    ['a wrong value', { sample: { hex: '00 79 92 00 00', value: 92.78 } }, { expected: 92.78, got: 92.79 }],
    ['a sample of the wrong size', { sample: { hex: '00 79 92 00', value: 92.79 } }, { expected: '5 bytes', got: '00 79 92 00' }],
    ['a wrong scaler', { scaler: -2, sample: { hex: '00 79 92 00 00', value: 9279 } }, { expected: -4, got: -2 }],
    ['a wrong unit', { unit: 'kvarh' }, { expected: 'kWh', got: 'kvarh' }],
    ['an unknown unit', { unit: 'kWs' }, { got: expect.stringContaining('unit kWs is not known') }],
    ['no OBIS code', { obis: 'energy' }, { got: expect.stringContaining('no OBIS code') }],
    ['an item of another class', { fn: 'F161' }, { got: expect.stringContaining('holds no numbers of a meter') }],
    ['an item nobody knows', { fn: 'F248' }, { got: expect.stringContaining('no layout') }],
    ['an item with several kinds of numbers and none named', { fn: 'F25' }, { got: expect.stringContaining('P_kW, Q_kvar, PF_percent') }],
    ['a number the item has not', { fn: 'F25', field: 'X' }, { got: expect.stringContaining('has no number X') }],
  ])('finds %s', (_, change, difference) =>
    expect(verify({ ...profile, registers: [{ ...line, ...change }] })).toContainEqual(expect.objectContaining(difference)),
  )

  it('finds a code twice, a freeze among curves, and an interval that cannot be asked for', () => {
    expect(verify({ ...profile, registers: [line, line] })).toHaveLength(1)
    expect(verify({ ...profile, curve: { minutes: 15, registers: [{ ...line, fn: 'F161' }] } })).toHaveLength(1)
    const volts = { obis: '1-0:32.7.0', fn: 'F89', scaler: -1, unit: 'V', sample: { hex: '01 23', value: 230.1 } }
    expect(verify({ ...profile, curve: { minutes: 20, registers: [volts] } })).toHaveLength(1)
    expect(verify({ ...profile, curve: { minutes: 5, registers: [volts] } })).toEqual([])
  })

  it('takes fill as absent, and percents as thousandths', () => {
    expect(verify({ ...profile, registers: [{ ...line, sample: { hex: 'EE EE EE EE EE', value: null } }] })).toEqual([])
    const factor = { obis: '1-0:13.7.0', fn: 'F25', field: 'PF_percent', scaler: -3, unit: '', sample: { hex: '99 09', value: 0.999 } }
    expect(verify({ ...profile, registers: [factor] })).toEqual([])
    expect(verify({ ...profile, registers: [{ ...factor, scaler: -1, sample: { hex: '99 09', value: 99.9 } }] })).toHaveLength(1)
  })

  it.each([
    [{ ...profile, registers: [{ ...line, fn: '129' }] }, '/registers/0/fn'],
    [{ ...profile, extra: 1 }, '/extra'],
    [{ ...profile, curve: { minutes: 0, registers: [line] } }, '/curve/minutes'],
    ['text', '/'],
  ])('refuses what is no profile', (json, path) =>
    expect(loadProfile(json)).toMatchObject({ ok: false, error: { code: 'GW3761_PROFILE', context: { path } } }),
  )
})
