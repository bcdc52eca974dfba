import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dlt6451997, dlt6452007 } from '../../../protocols/dlt645/adapter.ts'
import { loadProfile, verifyProfile } from '../../../protocols/dlt645/profile.ts'

const folder = new URL('../../../config/profiles/dlt645/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const line = { obis: '1-0:1.8.0', di: '00010000', scaler: -2, unit: 'kWh', sample: { hex: '56 34 12 00', value: 1234.56 } }
const profile = { id: 'x', protocol: 'dlt645-2007', source: 'test', registers: [line] }

describe('profile files', () => {
  it('are there', () => expect(files).toHaveLength(5))
  it.each(files)('%s proves every line with its sample', (name) => expect(verifyProfile(read(name))).toEqual([]))
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
    ['a wrong value', { sample: { hex: '56 34 12 00', value: 1234.57 } }, 'reads 1234.56'],
    ['a sample of the wrong size', { sample: { hex: '56 34 12', value: 1234.56 } }, 'not 4 bytes'],
    ['a wrong scaler', { scaler: -3, sample: { hex: '56 34 12 00', value: 123.456 } }, 'the standard has -2'],
    ['a wrong unit', { unit: 'kvarh' }, 'the standard has kWh'],
    ['an unknown unit', { unit: 'kWs' }, 'not known'],
    ['a wrong sign', { signed: true }, 'the standard has false'],
    ['no OBIS code', { obis: 'energy' }, 'no OBIS code'],
    ['an identifier of the other edition', { di: '9010' }, '8 digits'],
    ['a text item', { di: '04000401' }, 'is no number'],
    ['an unknown item without a size', { di: 'AB000000' }, 'must say how many bytes'],
    ['a place that is not there', { index: 3 }, 'no value number 3'],
  ])('finds %s', (_, change, words) => expect(verifyProfile({ ...profile, registers: [{ ...line, ...change }] }).join('; ')).toContain(words))

  it('finds a register that stands twice', () => expect(verifyProfile({ ...profile, registers: [line, line] })).toEqual(['register 1-0:1.8.0 stands twice']))
  it('names the path of a typo', () => {
    const result = loadProfile({ ...profile, registers: [{ ...line, scalar: 1 }] })
    expect(result).toMatchObject({ ok: false, error: { code: 'DLT645_PROFILE', context: { path: expect.stringContaining('/registers/0') } } })
  })
  it('takes a vendor item that says its size', () =>
    expect(verifyProfile({ ...profile, registers: [{ ...line, di: 'AB000000', bytes: 4 }] })).toEqual([]))
})
