import { describe, expect, it } from 'vitest'
import { decoded, KWH, mappingOf } from './tools.ts'

type Test = NonNullable<NonNullable<Parameters<typeof mappingOf>[0][number]['when']>>[number]

const holds = (test: Test, payload: object): boolean =>
  decoded(mappingOf([{ ...KWH, when: [test] }]), { kwh: 1, ...payload }).discard === null

describe('a condition', () => {
  it.each<[string, Test, object, boolean]>([
    ['is: the text', { of: '$.q', is: ['good', 'ok'] }, { q: 'ok' }, true],
    ['is: another', { of: '$.q', is: ['good'] }, { q: 'Good' }, false],
    ['is: numbers as they are written', { of: '$.q', is: [192] }, { q: 192 }, true],
    ['is: booleans', { of: '$.q', is: [true] }, { q: true }, true],
    ['is: text and boolean are written alike', { of: '$.q', is: ['true'] }, { q: true }, true],
    ['is: nothing there', { of: '$.q', is: ['good'] }, {}, false],
    ['is: null', { of: '$.q', is: ['null'] }, { q: null }, false],
    ['is: a list has no text', { of: '$.q', is: ['a'] }, { q: ['a'] }, false],
    ['not: another', { of: '$.q', not: ['false'] }, { q: true }, true],
    ['not: this one', { of: '$.q', not: ['false'] }, { q: false }, false],
    ['not: nothing there', { of: '$.q', not: ['false'] }, {}, false],
    ['not, or absent: nothing there', { of: '$.q', not: ['false'], orAbsent: true }, {}, true],
    ['not, or absent: this one', { of: '$.q', not: ['false'], orAbsent: true }, { q: false }, false],
    ['not, or absent: an object is there and has no text', { of: '$.q', not: ['false'], orAbsent: true }, { q: {} }, false],
    ['is, or absent: null is absent', { of: '$.q', is: [0], orAbsent: true }, { q: null }, true],
    ['exists', { of: '$.q', exists: true }, { q: 0 }, true],
    ['exists: an object does', { of: '$.q', exists: true }, { q: {} }, true],
    ['exists: null does not', { of: '$.q', exists: true }, { q: null }, false],
    ['does not exist', { of: '$.q', exists: false }, {}, true],
    ['does not exist: null', { of: '$.q', exists: false }, { q: null }, true],
    ['does not exist: it does', { of: '$.q', exists: false }, { q: '' }, false],
    ['exists and is not', { of: '$.q', exists: true, not: [0] }, { q: 0 }, false],
    ['nothing asked: it must be there', { of: '$.q' }, { q: 1 }, true],
    ['nothing asked: it is not', { of: '$.q' }, {}, false],
    ['like', { of: '$.q', like: 'switch:*' }, { q: 'switch:10' }, true],
    ['like: another', { of: '$.q', like: 'switch:*' }, { q: 'em:0' }, false],
    ['form hex', { of: '$.q', form: 'hex' }, { q: '68 01 Fe' }, true],
    ['form hex: half a byte', { of: '$.q', form: 'hex' }, { q: '680' }, false],
    ['form hex: base64', { of: '$.q', form: 'hex' }, { q: 'aAE=' }, false],
    ['form number', { of: '$.q', form: 'number' }, { q: '-12.5' }, true],
    ['form number: text', { of: '$.q', form: 'number' }, { q: '12 kWh' }, false],
    ['same as the topic', { of: '$.q', same: '{meter}' }, { q: 'm1' }, true],
    ['same: capitals do not matter', { of: '$.q', same: '{meter}' }, { q: 'M1' }, true],
    ['same: another', { of: '$.q', same: '{meter}' }, { q: 'm10' }, false],
    ['same: nothing there', { of: '$.q', same: '{meter}' }, {}, false],
    ['same, or absent', { of: '$.q', same: '{meter}', orAbsent: true }, {}, true],
    ['same: two places of a message', { of: '$.q', same: '$.r' }, { q: 'a', r: 'a' }, true],
    ['same: what it should be is not there', { of: '$.q', same: '$.r' }, { q: 'a' }, false],
    ['a text with captures', { of: '{meter}/{$.q}', is: ['m1/2'] }, { q: 2 }, true],
  ])('%s', (_, test, payload, expected) => expect(holds(test, payload)).toBe(expected))

  it('all of them must hold', () => {
    const mapping = mappingOf([
      {
        ...KWH,
        when: [
          { of: '$.a', is: [1] },
          { of: '$.b', is: [2] },
        ],
      },
    ])
    expect(
      [
        { a: 1, b: 2 },
        { a: 1, b: 3 },
        { a: 2, b: 2 },
      ].map((payload) => decoded(mapping, { ...payload, kwh: 1 }).discard),
    ).toEqual([null, 'no-rule', 'no-rule'])
  })

  it('long text costs what its length costs', () => {
    expect(holds({ of: '$.q', form: 'hex' }, { q: `${'00 '.repeat(60_000)}x` })).toBe(false)
    expect(holds({ of: '$.q', form: 'number' }, { q: `${'1'.repeat(200_000)}x` })).toBe(false)
  })
})
