import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoded, mappingOf } from './tools.ts'

describe('how well a device is heard', () => {
  const mapping = mappingOf([{ device: '{meter}', signal: { dBm: '$.dBm', percent: '$.percent' } }])
  const figuresOf = (payload: string) => decoded(mapping, payload).signals[0]?.figures

  it.each([
    ['the largest figure', '{"dBm":1000000,"percent":-1000000}', { dBm: 1e6, percent: -1e6 }],
    ['one above it', '{"dBm":1000001,"percent":64}', { percent: 64 }],
    ['one below', '{"dBm":-1000000.5,"percent":64}', { percent: 64 }],
    ['one that becomes infinite when it is scaled', '{"dBm":"1e308","percent":"64"}', { percent: 64 }],
    ['one that is infinite', '{"dBm":"1e999","percent":"Infinity"}', undefined],
    ['one that is no number', '{"dBm":"good","percent":""}', undefined],
  ])('%s', (_, payload, figures) => expect(figuresOf(payload)).toEqual(figures))

  it('is a number of at most a million, or nothing', () =>
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (dBm) => {
        const figure = figuresOf(JSON.stringify({ dBm: `${dBm}` }))?.dBm
        return Math.abs(dBm) <= 1e6 ? figure === Number(`${dBm}`) : figure === undefined
      }),
    ))
})
