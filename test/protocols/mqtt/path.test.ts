import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Json, JsonNumber, JsonObject, parseJson } from '../../../protocols/mqtt/json.ts'
import { follow, memberText, parsePath, placeOf } from '../../../protocols/mqtt/path.ts'

const json = (value: unknown): Json => {
  const parsed = parseJson(JSON.stringify(value))
  return parsed.ok ? parsed.value : null
}
const found = (text: string, from: Json): Json | undefined => {
  const path = parsePath(text)
  if (typeof path === 'string') throw new Error(path)
  return follow(path, from)
}

const message = json({
  'switch:0': { apower: 1.5, 'na me': 2 },
  Datas: [[1, 2], [3]],
  tags: [
    { name: 'Ua', value: 231 },
    { name: 'kWh', value: 4 },
    { name: 'kWh', value: 5 },
  ],
  A相电压: 220,
  empty: null,
  __proto: {},
})

describe('a path leads', () => {
  it.each([
    ["$['switch:0'].apower", '1.5'],
    ['$["switch:0"]["na me"]', '2'],
    ['$.Datas[0][1]', '2'],
    ["$.tags[?(@.name=='kWh')].value", '4'],
    ['$.tags[?name=="kWh"].value', '4'],
    ["$.tags[?name=='Ua'].value", '231'],
    ['$.A相电压', '220'],
  ])('%s to %s', (path, text) => expect(found(path, message)).toEqual(new JsonNumber(text)))
  it.each([
    '$.nothing',
    '$.Datas.length',
    '$.Datas[2]',
    '$.Datas[0][5]',
    '$.tags[?name=="X"].value',
    '$.A相电压.x',
    '$.empty.x',
    '$.toString',
    '$.constructor',
    '$["__proto__"]',
    '$.tags[0][0]',
  ])('%s nowhere', (path) => expect(found(path, message)).toBeUndefined())
  it('to null, which is something', () => expect(found('$.empty', message)).toBe(null))
})

describe('the place of a value', () => {
  it.each([
    ["$['switch:0'].apower", "$['switch:0'].apower"],
    ['$["switch:0"]["na me"]', "$['switch:0']['na me']"],
    ["$.tags[?(@.name=='kWh')].value", '$.tags[1].value'],
  ])('of %s is %s', (text, place) => {
    const path = parsePath(text)
    expect(typeof path === 'string' ? path : placeOf(path, '$', message)).toBe(place)
  })
  it('leads there again, whatever the name', () =>
    fc.assert(
      fc.property(fc.string(), fc.nat(9), (name, value) => {
        const object = new JsonObject()
        object.names.push('other', name === 'other' ? 'another' : name)
        object.values.push(null, new JsonNumber(String(value)))
        expect(found(`$${memberText(name === 'other' ? 'another' : name)}`, object)).toEqual(new JsonNumber(String(value)))
      }),
    ))
})

it.each(['', 'a.b', '$.', '$..a', '$[*]', '$[-1]', "$['a", '$.a-b', '$[?a>1]', '$.a b', '$.1a'])(
  '%j is no path, and why is said',
  (text) => {
    expect(parsePath(text)).toMatch(/^must begin with|which goes wrong at/)
  },
)
it('a path begins at the message, the record or what is around it', () =>
  expect(['$.a', '@.a', '^.a', '^^.a'].map((text) => parsePath(text))).toMatchObject([{ up: null }, { up: 0 }, { up: 1 }, { up: 2 }]))
