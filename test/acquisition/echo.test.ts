import { expect, it } from 'vitest'
import { EchoFilter, type Echoing } from '../../src/acquisition/echo.ts'

const REQUEST = Uint8Array.of(1, 3, 0, 16, 0, 2)

const asked = (filter: EchoFilter, mirrors = false): Echoing => ({ device: 'M1', request: REQUEST, echoed: filter.expected(mirrors) })

it('drops the echo of a request, however it is cut, and tells of it once', () => {
  const told: string[] = []
  const filter = new EchoFilter(({ device }) => told.push(device))
  const ear = asked(filter)
  const heard = [REQUEST.subarray(0, 2), REQUEST.subarray(2, 5), Uint8Array.of(2, 7, 7), Uint8Array.of(2)].map((bytes) => [
    ...filter.strip(ear, bytes),
  ])
  expect(heard).toEqual([[], [], [7, 7], [2]])
  expect(told).toEqual(['M1'])
})

it('gives back what it held when it was no echo: an answer may begin like the request', () => {
  const filter = new EchoFilter(() => undefined)
  const ear = asked(filter)
  expect([...filter.strip(ear, REQUEST.subarray(0, 2))]).toEqual([])
  expect([...filter.strip(ear, Uint8Array.of(4, 9))]).toEqual([1, 3, 4, 9])
  const short = asked(filter)
  filter.strip(short, REQUEST.subarray(0, 2))
  expect([...(filter.release(short) ?? [])]).toEqual([1, 3])
  expect(filter.release(short)).toBeNull()
})

it('takes a mirrored answer for an echo only where an echo was seen', () => {
  const filter = new EchoFilter(() => undefined)
  expect([...filter.strip(asked(filter, true), REQUEST)]).toEqual([...REQUEST])
  filter.strip(asked(filter), REQUEST)
  expect([...filter.strip(asked(filter, true), REQUEST)]).toEqual([])
})
