import { expect, it } from 'vitest'
import { dlt6452007 } from '../../../protocols/dlt645/adapter.ts'
import { readData } from '../../../protocols/dlt645/conversation.ts'
import { converse, ForwardLine, type TraceEvent } from '../../../src/acquisition/index.ts'
import { site, until } from './site.ts'

it('is', () => {
  expect([dlt6452007, readData, converse, ForwardLine, site, until]).toBeDefined()
  const none: TraceEvent[] = []
  expect(none).toEqual([])
})
