import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeXml, xmlOf } from '../../src/interchange/xml.ts'

describe('XML out of names that anybody may have chosen', () => {
  it('writes members as elements, lists as repeated ones, ref as an attribute', () =>
    expect(xmlOf('a', { b: 'x', c: ['1', { d: '' }], none: undefined, e: { ref: '"<' } })).toBe(
      '<a><b>x</b><c>1</c><c><d/></c><e ref="&quot;&lt;"/></a>',
    ))
  it('never writes markup or what XML cannot hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeXml(text)
        expect(escaped).not.toMatch(/[<>"]|&(?!(amp|lt|gt|quot|#13);)/)
        for (const char of escaped)
          expect(char === '\t' || char === '\n' || (char >= ' ' && char !== '\ufffe' && char !== '\uffff')).toBe(true)
      }),
    )
    expect(escapeXml('a\ud800b')).toBe('a\ufffdb')
  })
})
