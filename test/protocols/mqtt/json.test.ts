import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Json, JsonNumber, JsonObject, parseJson } from '../../../protocols/mqtt/json.ts'

const wide = { depth: 1000, nodes: 1_000_000 }
/** As JSON.parse has it; names are set as own members, whatever they are. */
const plain = (json: Json): unknown => {
  if (json instanceof JsonNumber) return Number(json.text)
  if (Array.isArray(json)) return json.map(plain)
  if (!(json instanceof JsonObject)) return json
  return Object.fromEntries(json.names.map((name, at) => [name, plain(json.values[at] ?? null)]))
}
const read = (text: string) => parseJson(text, wide)
const plainOf = (text: string): unknown => {
  const parsed = read(text)
  return parsed.ok ? plain(parsed.value) : parsed.error.code
}
const codeOf = (text: string): string => {
  const parsed = parseJson(text)
  return parsed.ok ? 'ok' : parsed.error.code
}
const native = (text: string): { readonly value: unknown } | null => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

describe('what is JSON', () => {
  /** Without numbers beyond measure. */
  const json = fc.json().filter((text) => !/e[+-]?\d{3}/.test(text))
  it('is read as JSON.parse reads it', () =>
    fc.assert(
      fc.property(json, (text) => {
        expect(plainOf(text)).toEqual(JSON.parse(text))
      }),
    ))

  it('with blanks and line feeds between its parts as well', () =>
    fc.assert(
      fc.property(
        json.map((text) => JSON.parse(text)),
        fc.constantFrom('\t', 2, ' \n\r', 7),
        (value, blank) => {
          expect(plainOf(JSON.stringify(value, null, blank))).toEqual(JSON.parse(JSON.stringify(value)))
        },
      ),
    ))

  /** Letters of which most texts are nearly JSON. */
  const nearly = fc
    .array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '"a"',
        '"b":',
        '0',
        '1',
        '-',
        '.',
        'e',
        '+',
        'true',
        'null',
        'fals',
        ' ',
        '\n',
        '\u0000',
        '\\u00e9',
        '\\ud800',
        'é',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''))

  it('is what JSON.parse takes, but for names that stand twice and numbers beyond measure', () =>
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: nearly }, { weight: 1, arbitrary: fc.string() }), (text) => {
        const parsed = read(text)
        const theirs = native(text)
        if (parsed.ok) expect({ value: plain(parsed.value) }).toEqual(theirs)
        else if (theirs) expect(['MQTT_JSON_DUPLICATE', 'MQTT_JSON_LIMIT']).toContain(parsed.error.code)
      }),
      { numRuns: 5000 },
    ))

  it.each([
    ['"\\ud800"', '\ud800'],
    ['"\\udc00\\ud800"', '\udc00\ud800'],
    ['"a\\u0000\\n\\/\\""', 'a\u0000\n/"'],
    ['-0', -0],
    ['  [ ]  ', []],
    ['""', ''],
  ])('%s', (text, value) => expect(plainOf(text)).toEqual(value))

  it.each([
    '',
    ' ',
    'nan',
    'NaN',
    'Infinity',
    '-',
    '01',
    '1.',
    '.5',
    '+1',
    '1e',
    '1e+',
    '[1,]',
    '{"a":1,}',
    "{'a':1}",
    '{a:1}',
    '"\t"',
    '"\\x41"',
    '"\\u12g4"',
    'tru',
    'true false',
    '\ufeff1',
    '[1',
    '{"a"}',
    '{"a":nan}',
  ])('refuses %j', (text) => expect(codeOf(text)).toBe('MQTT_JSON'))
  it('names the place', () =>
    expect(parseJson('{"Time":"x","Power":nan}')).toMatchObject({
      ok: false,
      error: { message: 'no value begins here at character 20, near "\\",\\"Power\\":nan}"', context: { at: 20 } },
    }))
})

describe('numbers', () => {
  it.each(['12345678.90', '9007199254740993', '0.10', '-1.50E-3', '123456789012345678901234567890'])('keep their digits: %s', (text) => {
    const parsed = parseJson(`{"kwh":${text}}`)
    const value = parsed.ok && parsed.value instanceof JsonObject ? parsed.value.get('kwh') : null
    expect(value).toEqual(new JsonNumber(text))
  })
  it.each(['1e999', '-1e100', '1e99999999999', '1'.repeat(65)])('beyond measure are refused: %s', (text) =>
    expect(codeOf(text)).toBe('MQTT_JSON_LIMIT'),
  )
})

describe('names', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', ''])('%j is a name', (name) => {
    const parsed = parseJson(`{"a":1,${JSON.stringify(name)}:{"polluted":true}}`)
    const object = parsed.ok && parsed.value instanceof JsonObject ? parsed.value : new JsonObject()
    expect(object.names).toEqual(['a', name])
    expect(object.get(name)).toBeInstanceOf(JsonObject)
    expect('polluted' in {}).toBe(false)
  })
  it.each(['toString', '__proto__', 'constructor'])('%s that is not there is not there', (name) =>
    expect(new JsonObject().get(name)).toBeUndefined(),
  )

  it('that stand twice are refused, wherever', () => {
    expect(codeOf('{"a":1,"b":2,"a":1}')).toBe('MQTT_JSON_DUPLICATE')
    expect(codeOf('{"a":1,"\\u0061":2}')).toBe('MQTT_JSON_DUPLICATE')
    expect(codeOf('[{"a":1},{"a":1}]')).toBe('ok')
    const many = Array.from({ length: 100 }, (_, at) => `"n${at}":[{"n${at}":1}]`)
    expect(codeOf(`{${many.join(',')}}`)).toBe('ok')
    for (const at of [0, 15, 16, 50, 99]) expect(codeOf(`{${many.join(',')},"n${at}":1}`)).toBe('MQTT_JSON_DUPLICATE')
  })

  it('are found in small and large objects alike', () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 60 }), fc.string(), (names, other) => {
        const parsed = read(`{${names.map((name, at) => `${JSON.stringify(name)}:${at}`).join(',')}}`)
        const object = parsed.ok && parsed.value instanceof JsonObject ? parsed.value : new JsonObject()
        for (const [at, name] of names.entries()) expect(object.get(name)).toEqual(new JsonNumber(String(at)))
        if (!names.includes(other)) expect(object.get(other)).toBeUndefined()
      }),
    ))
})

describe('limits', () => {
  it('of depth', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect([codeOf(nested(32)), codeOf(nested(33)), codeOf(nested(100_000)), codeOf('['.repeat(100_000))]).toEqual([
      'ok',
      'MQTT_JSON_LIMIT',
      'MQTT_JSON_LIMIT',
      'MQTT_JSON_LIMIT',
    ])
    expect(codeOf('{"a":'.repeat(100_000))).toBe('MQTT_JSON_LIMIT')
  })
  it('of values', () => {
    expect([codeOf(`[${'1,'.repeat(19_998)}1]`), codeOf(`[${'1,'.repeat(19_999)}1]`)]).toEqual(['ok', 'MQTT_JSON_LIMIT'])
    expect(codeOf(`{${Array.from({ length: 1_000_000 }, (_, at) => `"k${at}":0`).join(',')}}`)).toBe('MQTT_JSON_LIMIT')
  })

  it('work grows with the length of the text, not with its square', () => {
    const text = (count: number) => `{${Array.from({ length: count }, (_, at) => `"k${at}":[0]`).join(',')}}`
    const time = (count: number): number => {
      const written = text(count)
      const started = process.cpuUsage()
      expect(read(written).ok).toBe(true)
      const { user, system } = process.cpuUsage(started)
      return (user + system) / 1000
    }
    time(2000)
    // Sixteen times the members: sixteen times the work, 256 times if each looked at all others.
    expect(time(160_000)).toBeLessThan(100 * Math.max(time(10_000), 3))
  })
})
