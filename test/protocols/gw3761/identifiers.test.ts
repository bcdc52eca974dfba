import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ALL_POINTS,
  groupPoints,
  itemBytes,
  pointBytes,
  readIdentifier,
  readItems,
  readPoints,
  shareGroup,
  writeIdentifier,
  writeIdentifiers,
} from '../../../protocols/gw3761/identifiers.ts'
import { bytes } from './wire.ts'

describe('identifiers', () => {
  it.each([
    ['p0', '00 00', [0]],
    ['p1', '01 01', [1]],
    ['p9', '01 02', [9]],
    ['p6', '20 01', [6]],
    ['p2040', '80 FF', [2040]],
    ['p1 and p3', '05 01', [1, 3]],
    ['eight points', 'FF 02', [9, 10, 11, 12, 13, 14, 15, 16]],
    ['all points', 'FF 00', [ALL_POINTS]],
    ['nothing: a group without a bit', '00 01', []],
    ['nothing: bits without a group', '03 00', []],
  ])('reads %s', (_, hex, points) => expect(readPoints(bytes(hex)[0]!, bytes(hex)[1]!)).toEqual(points))

  it.each([
    ['F1', '01 00', [1]],
    ['F25', '01 03', [25]],
    ['F33', '01 04', [33]],
    ['F129', '01 10', [129]],
    ['F161', '01 14', [161]],
    ['F248', '80 1E', [248]],
    ['F129 and F130', '03 10', [129, 130]],
    ['nothing: no bit', '00 10', []],
    ['nothing: group 31', '01 1F', []],
  ])('reads %s', (_, hex, items) => expect(readItems(bytes(hex)[0]!, bytes(hex)[1]!)).toEqual(items))

  it('gives pairs point by point, inside each by rising item', () => {
    expect(readIdentifier(bytes('05 01 03 10'), 0)).toEqual([
      { pn: 1, fn: 129 },
      { pn: 1, fn: 130 },
      { pn: 3, fn: 129 },
      { pn: 3, fn: 130 },
    ])
    expect(readIdentifier(bytes('05 01 03'), 0)).toEqual([])
  })

  it('every point and item comes back', () => {
    for (let pn = 0; pn <= 2040; pn++) expect(readPoints(...pointBytes(pn))).toEqual([pn])
    for (let fn = 1; fn <= 248; fn++) expect(readItems(...itemBytes(fn))).toEqual([fn])
    expect(readPoints(...pointBytes(ALL_POINTS))).toEqual([ALL_POINTS])
    expect(writeIdentifier(9, 161)).toEqual(bytes('01 02 01 14'))
  })

  it.each([-1, 2041, 1.5])('names no point %d', (pn) => expect(() => pointBytes(pn)).toThrow('measuring point'))
  it.each([0, 249, 1.5])('names no F%d', (fn) => expect(() => itemBytes(fn)).toThrow('F'))

  it('any set of one group comes back as it is', () =>
    fc.assert(
      fc.property(
        fc.nat(254),
        fc.uniqueArray(fc.nat(7), { minLength: 1 }),
        fc.nat(30),
        fc.uniqueArray(fc.nat(7), { minLength: 1 }),
        (da, points, dt, items) => {
          const pns = points.map((bit) => da * 8 + bit + 1).sort((a, b) => a - b)
          const fns = items.map((bit) => dt * 8 + bit + 1).sort((a, b) => a - b)
          const pairs = readIdentifier(writeIdentifiers(pns, fns), 0)
          expect(pairs).toEqual(pns.flatMap((pn) => fns.map((fn) => ({ pn, fn }))))
        },
      ),
    ))

  it('refuses what no single identifier can name', () => {
    expect(() => writeIdentifiers([8, 9], [1])).toThrow('group of eight')
    expect(() => writeIdentifiers([1], [8, 9])).toThrow('group of eight')
    expect(() => writeIdentifiers([0, 1], [1])).toThrow('group of eight')
    expect(() => writeIdentifiers([0, ALL_POINTS], [1])).toThrow('group of eight')
    expect(() => writeIdentifiers([], [1])).toThrow('no point')
  })

  it('cuts points into groups', () => {
    expect(groupPoints([9, 1, 8, 16, 17, 1, 0])).toEqual([[0], [1, 8], [9, 16], [17]])
    expect([shareGroup(1, 8), shareGroup(8, 9), shareGroup(0, 1), shareGroup(0, 0), shareGroup(ALL_POINTS, ALL_POINTS)]).toEqual([
      true,
      false,
      false,
      true,
      true,
    ])
  })
})
