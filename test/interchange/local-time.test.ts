import { expect, it } from 'vitest'
import { localTimeOf } from '../../src/interchange/index.ts'

it.each([
  ['Asia/Shanghai', { tzOffset: 28_800, dstOffset: 0, dstStartRule: 'FFFFFFFF', dstEndRule: 'FFFFFFFF' }],
  // Second Sunday of March at 2:00, first Sunday of November at 2:00: the rules of public Green Button samples.
  ['America/New_York', { tzOffset: -18_000, dstOffset: 3600, dstStartRule: '360E2000', dstEndRule: 'B40E2000' }],
  // Last Sunday of March at 2:00, last Sunday of October at 3:00.
  ['Europe/Berlin', { tzOffset: 3600, dstOffset: 3600, dstStartRule: '3E0E2000', dstEndRule: 'AE0E3000' }],
  ['Australia/Lord_Howe', { tzOffset: 37_800, dstOffset: 1800 }],
  ['UTC', { tzOffset: 0, dstOffset: 0 }],
])('%s', (zone, told) => expect(localTimeOf(zone, 2026)).toMatchObject(told))
