import { expect, it } from 'vitest'
import { DEFAULT_SETTINGS } from '../../src/collection/index.ts'
import { collectionOf } from '../../src/config/collection.ts'

it('are the same in the configuration and in the room that uses them, when nothing is written', () =>
  expect(collectionOf()).toEqual(DEFAULT_SETTINGS))

it('come out of the file in the units of the room, windows in their order', () =>
  expect(
    collectionOf({
      firstPass: '90m',
      rereads: ['18:00', '03:30'],
      cutoff: '07:15',
      billingCutoff: '12h',
      lineShare: 25,
      excludeAreas: ['A1'],
    }),
  ).toMatchObject({
    ...{
      firstPassMs: 5_400_000,
      rereads: [210, 1080],
      cutoffMinute: 435,
      billingCutoffMs: 43_200_000,
      lineShare: 0.25,
      excludeAreas: ['A1'],
    },
  }))
