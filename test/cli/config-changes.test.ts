import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import { gridtally, runGateway, scratch } from '../support/processes.ts'

const SOON = { timeout: 60_000, interval: 50 }
const fileOf = (every: string, port = 0) =>
  stringify({
    version: 1,
    gateway: { id: 'cli', timezone: 'Asia/Shanghai' },
    http: { port },
    lines: [],
    tasks: [{ id: 'current', read: 'current', every }],
  })

it('says before a restart what a file needs, and takes a former state up again', async () => {
  const file = join(scratch(), 'gateway.yaml')
  const config = (...words: string[]) => gridtally([...words, '-c', file])
  writeFileSync(file, fileOf('15m'))
  expect((await config('config', 'diff')).stdout).toContain('no gateway runs')
  const gateway = await runGateway(file)
  expect((await config('config', 'diff')).stdout).toBe('the running gateway has it all\n')
  const everyS = async () => ((await gateway.get('/api/v1/tasks')) as { items: { everyS: number }[] }).items[0]?.everyS

  const wanted = fileOf('5m', 18_646)
  writeFileSync(file, wanted)
  const diff = await config('config', 'diff')
  expect(diff.stdout.split('\n')[0]).toBe('http/port: 0 → 18646 (NEEDS A RESTART)')
  expect((await config('check')).stdout).toContain('NEEDS A RESTART')
  gateway.child.kill('SIGHUP')
  await expect.poll(everyS, SOON).toBe(300)
  expect(gateway.output()).toContain('this needs a restart of the gateway: http/port')
  const after = JSON.parse((await config('config', 'diff', '--json')).stdout)
  expect(after).toMatchObject({ running: true, changes: [{ path: 'http/port', effect: 'restart' }] })

  expect(JSON.parse((await config('config', 'history', '--json')).stdout)).toMatchObject([
    // Whoever was first: the signal, or the look at the file once a second.
    { version: 2, because: expect.stringMatching(/^(SIGHUP|file changed)$/) },
    { version: 1, because: 'start' },
  ])
  // Restoring helps most where the file is so broken that nothing else works.
  writeFileSync(file, 'lines: [[[')
  expect((await config('check')).code).toBe(2)
  expect(await config('config', 'restore', '7')).toMatchObject({ code: 1, stderr: expect.stringContaining('is not kept') })
  expect(await config('config', 'restore', '1')).toMatchObject({ code: 0 })
  expect(readFileSync(file, 'utf8')).toBe(fileOf('15m'))
  expect(readFileSync(`${file}.before`, 'utf8')).toBe('lines: [[[')
  await expect.poll(everyS, SOON).toBe(900)
  const running = join(file, '..', 'data', 'running.json')
  expect(existsSync(running)).toBe(true)
  expect(await gateway.stop()).toBe(0)
  expect(existsSync(running)).toBe(false)
})
