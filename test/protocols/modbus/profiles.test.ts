import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compileBlock, decodeBlock } from '../../../protocols/modbus/compiled.ts'
import { encodeNumber, TYPE_LENGTH } from '../../../protocols/modbus/data.ts'
import { absentRaws, loadProfile, type ModbusProfile, orderOf } from '../../../protocols/modbus/profile.ts'
import { itemOf } from '../../../protocols/modbus/select.ts'
import { verifyProfile } from '../../../protocols/modbus/verify.ts'
import { unwrap } from './help.ts'

const FOLDER = new URL('../../../config/profiles/modbus/', import.meta.url)
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'))
const profiles = files.map((name) => unwrap(loadProfile(read(name))))
const named = (id: string): ModbusProfile => profiles.find((profile) => profile.id === id)!
type Draft = { registers: Record<string, unknown>[] } & Record<string, unknown>
/** A copy of a file that a test may spoil. */
const draft = (id: string) => structuredClone(read(`${id}.json`)) as Draft

describe('profiles', () => {
  it('are all there, and loaded', () => {
    expect(files.length).toBe(30)
    expect(profiles.map(({ id }) => `${id}.json`)).toEqual(files)
    expect(profiles.reduce((sum, { registers }) => sum + registers.length, 0)).toBe(996)
  })

  it.each(profiles.map((profile) => [profile.id, profile] as const))('%s: every line decodes its own sample', (_, profile) => {
    expect(verifyProfile(profile)).toEqual([])
  })

  it('every sample tells word order, type, sign and scale apart', () => {
    const blind: string[] = []
    for (const profile of profiles)
      for (const register of profile.registers) {
        if (register.sample.value === null || /^0*$/.test(register.sample.words.replaceAll(' ', ''))) continue
        if (register.sampleSource !== undefined) continue
        const others = Object.entries(TYPE_LENGTH).flatMap(([type, length]) =>
          length === register.length && type !== register.type && type !== 'bit' ? [{ type }] : [],
        )
        const changes: object[] =
          register.type === 'string' ? [] : [...others, { scale: register.scale * 10 }, { byteOrder: 'DCBA' }, { byteOrder: 'BADC' }]
        if (register.length > 1 && register.type !== 'string') changes.push({ wordOrder: register.wordOrder === 'big' ? 'little' : 'big' })
        for (const change of changes) {
          const spoilt = { ...profile, notAvailable: [], registers: [{ ...register, ...change }] } as ModbusProfile
          if (verifyProfile(spoilt).length === 0) blind.push(`${profile.id} ${register.addressHex} ${JSON.stringify(change)}`)
        }
      }
    expect(blind).toEqual([])
  })

  it.each([
    ['eastron-sdm630', { wordOrder: 'little' }],
    ['hiking-dds238-2', { scale: 0.1 }],
    ['abb-b23-b24', { type: 'f64' }],
    ['carlo-gavazzi-em340', { wordOrder: 'big' }],
    ['peacefair-pzem-016', { scale: 1 }],
  ])('%s with one line spoilt (%j) fails verification', (id, change) => {
    const profile = named(id)
    const at = profile.registers.findIndex(
      ({ sample, length }) => sample.value !== null && sample.value !== '0' && (length > 1 || 'scale' in change),
    )
    const registers = profile.registers.map((register, index) =>
      index === at ? { ...register, ...change } : register,
    ) as ModbusProfile['registers']
    const [difference, ...others] = verifyProfile({ ...profile, registers })
    expect(others).toEqual([])
    expect(difference).toMatchObject({
      register: expect.stringContaining(profile.registers[at]!.addressHex),
      expected: profile.registers[at]!.sample.value,
    })
  })

  it('patterns for "not available" give no value', () => {
    for (const profile of profiles)
      for (const register of profile.registers) {
        if (register.type === 'string' || register.type === 'bit') continue
        for (const raw of absentRaws(profile, register)) {
          const item = itemOf(profile, register, 0)
          const pdu = new Uint8Array(2 + 2 * (item.end - item.start))
          pdu.set(encodeNumber(register.type, orderOf(register), raw), 2 + 2 * (register.address - item.start))
          const raws = [0 as number | bigint | null]
          const absent = decodeBlock(compileBlock({ function: 3, start: item.start, end: item.end, items: [item] }), pdu, raws, [0])
          expect([profile.id, raws[0], absent?.get(0)?.code]).toEqual([profile.id, null, 'MODBUS_NOT_AVAILABLE'])
        }
      }
    expect(absentRaws(named('abb-b23-b24'), named('abb-b23-b24').registers.find(({ type }) => type === 'u64')!)).toEqual([
      0xffffffffffffffffn,
    ])
  })
})

describe('a profile is refused with the place', () => {
  const spoilt = (id: string, spoil: (profile: Draft) => unknown) => {
    const profile = draft(id)
    spoil(profile)
    const loaded = loadProfile(profile)
    return loaded.ok ? 'accepted' : `${loaded.error.code} ${loaded.error.message}`
  }
  it.each<[string, (p: Draft) => unknown, RegExp]>([
    [
      'an unknown type',
      (p) => Object.assign(p.registers[3]!, { type: 'u31' }),
      /^MODBUS_PROFILE \/registers\/3\/type: .*allowed .*u16, i16.*not "u31"/,
    ],
    [
      'an unknown member',
      (p) => Object.assign(p.registers[2]!, { adress: 4 }),
      /^MODBUS_PROFILE \/registers\/2\/adress: unknown member, not 4/,
    ],
    ['a missing sample', (p) => Reflect.deleteProperty(p.registers[5]!, 'sample'), /^MODBUS_PROFILE \/registers\/5: .*sample/],
    ['a length that does not fit', (p) => Object.assign(p.registers[0]!, { length: 1 }), /\/registers\/0\/length: 0x0000 .*f32 takes 2/],
    [
      'two registers at one place',
      (p) => Object.assign(p.registers[1]!, { address: 1, addressHex: '0x0001' }),
      /\/registers\/1\/address: .*overlaps 0x0000/,
    ],
    ['a hexadecimal that differs', (p) => Object.assign(p.registers[1]!, { addressHex: '0x0003' }), /\/registers\/1\/addressHex: .*0x0002/],
    ['a unit of another family', (p) => Object.assign(p.registers[0]!, { unit: 'A' }), /\/registers\/0\/unit: .*current.*expected voltage/],
    ['an unknown unit', (p) => Object.assign(p.registers[0]!, { unit: 'Volt' }), /\/registers\/0\/unit: .*unknown/],
    ['no OBIS code', (p) => Object.assign(p.registers[0]!, { obis: '1-0:32.7.256' }), /\/registers\/0\/obis: .*groups up to 255/],
    [
      'a code listed twice',
      (p) => Object.assign(p.registers[1]!, { obis: p.registers[0]!.obis }),
      /\/registers\/1\/obis: .*also at 0x0000/,
    ],
    ['an unnamed source', (p) => Object.assign(p.registers[0]!, { sources: ['hearsay'] }), /\/registers\/0\/sources: .*hearsay/],
    ['a scale that is no power of ten', (p) => Object.assign(p.registers[0]!, { scale: 0.5 }), /\/registers\/0\/scale/],
    [
      'a counter called instantaneous',
      (p) => Object.assign(p.registers.find((r) => r.kind === 'cumulative')!, { kind: 'instantaneous' }),
      /kind: .*D = 8/,
    ],
    ['a function the meter lacks', (p) => Object.assign(p.registers[0]!, { function: 3 }), /\/registers\/0\/function: .*answers 4 only/],
    ['a limit above the protocol', (p) => Object.assign(p, { maxRegistersPerRequest: 126 }), /\/maxRegistersPerRequest/],
  ])('%s', (_, spoil, message) => expect(spoilt('eastron-sdm630', spoil)).toMatch(message))
  it('a scale factor that is nowhere', () =>
    expect(spoilt('sunspec-203', (p) => Object.assign(p.registers.find((r) => r.scaleFactor !== undefined)!, { scaleFactor: 5 }))).toMatch(
      /scaleFactor: .*no scale factor register at 5/,
    ))
  it('a value longer than a request', () =>
    expect(spoilt('schneider-pm5000', (p) => Object.assign(p, { maxRegistersPerRequest: 19 }))).toMatch(
      /length: .*do not fit into a request of 19/,
    ))
  it('a group that does not fit into a request', () =>
    expect(spoilt('siemens-pac2200', (p) => Object.assign(p, { maxRegistersPerRequest: 7 }))).toMatch(
      /group: .*spans 8 registers, a request 7/,
    ))
  it.each([null, 7, [], 'x', { id: 'x' }])('anything else: %j', (json) =>
    expect(loadProfile(json)).toMatchObject({ ok: false, error: { code: 'MODBUS_PROFILE' } }),
  )
})
