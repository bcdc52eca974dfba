import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dlt6451997, dlt6452007 } from '../../../protocols/dlt645/adapter.ts'
import { loadProfile } from '../../../protocols/dlt645/profile.ts'
import { verifyProfile } from '../../../protocols/dlt645/verify.ts'

const folder = new URL('../../../config/profiles/dlt645/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const verify = (json: unknown) => {
  const loaded = loadProfile(json)
  if (!loaded.ok) throw new Error(loaded.error.message)
  return verifyProfile(loaded.value)
}
const line = { obis: '1-0:1.8.0', di: '00010000', scaler: -2, unit: 'kWh', sample: { hex: '56 34 12 00', value: 1234.56 } }
const profile = { id: 'x', protocol: 'dlt645-2007', source: 'test', registers: [line] }

describe('profile files', () => {
  it('are there', () => expect(files).toHaveLength(5))
  it.each(files)('%s proves every line with its sample', (name) => expect(verify(read(name))).toEqual([]))
  it.each(files)('%s can be planned for what it has', (name) => {
    const one = read(name)
    const adapter = one.protocol === 'dlt645-2007' ? dlt6452007 : dlt6451997
    expect(adapter.plan(one, { kind: 'current' }).ok).toBe(true)
    expect(adapter.plan(one, { kind: 'day-freeze' }).ok).toBe(one.dayFreeze !== undefined)
    expect(adapter.plan(one, { kind: 'month-freeze' }).ok).toBe(one.monthFreeze !== undefined)
  })
})

describe('verification', () => {
  it.each([
    ['a wrong value', { sample: { hex: '56 34 12 00', value: 1234.57 } }, { expected: 1234.57, got: 1234.56 }],
    ['a sample of the wrong size', { sample: { hex: '56 34 12', value: 1234.56 } }, { expected: '4 bytes', got: '56 34 12' }],
    ['a wrong scaler', { scaler: -3, sample: { hex: '56 34 12 00', value: 123.456 } }, { expected: -2, got: -3 }],
    ['a wrong unit', { unit: 'kvarh' }, { expected: 'kWh', got: 'kvarh' }],
    ['an unknown unit', { unit: 'kWs' }, { got: expect.stringContaining('unit kWs is not known') }],
    ['a wrong sign', { signed: true }, { expected: false, got: true }],
    ['no OBIS code', { obis: 'energy' }, { got: expect.stringContaining('no OBIS code') }],
    ['an identifier of the other edition', { di: '9010' }, { got: expect.stringContaining('8 digits') }],
    ['a text item', { di: '04000401' }, { got: expect.stringContaining('is no number') }],
    ['an unknown item without a size', { di: 'AB000000' }, { got: expect.stringContaining('must say how many bytes') }],
    ['a place that is not there', { index: 3 }, { got: expect.stringContaining('no value number 3') }],
  ])('finds %s', (_, change, difference) =>
    expect(verify({ ...profile, registers: [{ ...line, ...change }] })).toContainEqual(expect.objectContaining(difference)),
  )

  it('finds a register that stands twice', () =>
    expect(verify({ ...profile, registers: [line, line] })).toEqual([{ register: '1-0:1.8.0', expected: 'one line', got: 'two lines' }]))

  it('names the path of a typo', () => {
    const result = loadProfile({ ...profile, registers: [{ ...line, scalar: 1 }] })
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'DLT645_PROFILE', context: { path: expect.stringContaining('/registers/0') } },
    })
  })
  it('takes a vendor item that says its size', () =>
    expect(verify({ ...profile, registers: [{ ...line, di: 'AB000000', bytes: 4 }] })).toEqual([]))
})
