import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { planRead } from '../../../protocols/dlt698/plan.ts'
import { loadProfile } from '../../../protocols/dlt698/profile.ts'
import { verifyProfile } from '../../../protocols/dlt698/verify.ts'
import { loadAnyProfile, verifyAnyProfile } from '../../../protocols/index.ts'

const folder = new URL('../../../config/profiles/dlt698/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const verify = (json: unknown) => {
  const loaded = loadProfile(json)
  if (!loaded.ok) throw new Error(loaded.error.message)
  return verifyProfile(loaded.value)
}
const line = { obis: '1-0:1.8.0', oad: '00100201', scaler: -2, unit: 'kWh', sample: { hex: '06 00 01 E2 40', value: 1234.56 } }
const profile = { id: 'x', protocol: 'dlt698', source: 'test', registers: [line] }

describe('profile files', () => {
  it('are there', () => expect(files).toHaveLength(4))
  it.each(files)('%s proves every line with its sample', (name) => {
    expect(verify(read(name))).toEqual([])
    expect(verifyAnyProfile(read(name))).toEqual({ ok: true, value: [] })
  })
  it.each(files)('%s can be planned for what it has', (name) => {
    const one = read(name)
    expect(loadAnyProfile(one).ok).toBe(true)
    expect(planRead(one, { kind: 'current' }).ok).toBe(one.registers.length > 0)
    expect(planRead(one, { kind: 'day-freeze' }).ok).toBe(one.dayFreeze !== undefined)
    expect(planRead(one, { kind: 'month-freeze' }).ok).toBe(one.monthFreeze !== undefined)
    expect(planRead(one, { kind: 'curve' }).ok).toBe(one.curve !== undefined)
  })
})

describe('verification', () => {
  it.each([
    ['a wrong value', { sample: { hex: '06 00 01 E2 40', value: 1234.57 } }, { expected: 1234.57, got: 1234.56 }],
    ['a sample of the wrong size', { sample: { hex: '06 00 01 E2', value: 1234.56 } }, { expected: 'one datum with its tag' }],
    ['a wrong scaler', { scaler: -3, sample: { hex: '06 00 01 E2 40', value: 123.456 } }, { expected: -2, got: -3 }],
    ['a wrong unit', { unit: 'kvarh' }, { expected: 'kWh', got: 'kvarh' }],
    ['an unknown unit', { unit: 'kWs' }, { got: expect.stringContaining('unit kWs is not known') }],
    ['a wrong quantity', { obis: '1-0:2.8.0' }, { expected: '1-0:1.8.0', got: '1-0:2.8.0' }],
    ['no OBIS code', { obis: 'energy' }, { got: expect.stringContaining('no OBIS code') }],
  ])('finds %s', (_, change, difference) =>
    expect(verify({ ...profile, registers: [{ ...line, ...change }] })).toContainEqual(expect.objectContaining(difference)),
  )

  it('takes NULL as absent, not as zero', () => {
    expect(verify({ ...profile, registers: [{ ...line, sample: { hex: '00', value: null } }] })).toEqual([])
    expect(verify({ ...profile, registers: [{ ...line, sample: { hex: '00', value: 0 } }] })).toHaveLength(1)
  })
  it('finds a register that stands twice', () => expect(verify({ ...profile, registers: [line, line] })).toHaveLength(1))
  it('names the path of a typo', () =>
    expect(loadProfile({ ...profile, registers: [{ ...line, scalar: 1 }] })).toMatchObject({
      ok: false,
      error: { code: 'DLT698_PROFILE', context: { path: expect.stringContaining('/registers/0') } },
    }))
})
