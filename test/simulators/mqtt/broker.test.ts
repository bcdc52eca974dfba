import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../../simulators/index.ts'
import { listen, until } from './tools.ts'

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

it('passes on what fifty publishers send at once, each message once', async () => {
  const broker = await startBroker()
  onTestFinished(() => broker.close())
  expect(broker.url).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/)
  const { heard } = await listen(broker.url)
  const clients = await Promise.all(Array.from({ length: 50 }, () => connectAsync(broker.url)))
  onTestFinished(async () => void (await Promise.all(clients.map((client) => client.endAsync(true)))))
  await Promise.all(
    clients.flatMap((client, who) => Array.from({ length: 40 }, (_, n) => client.publishAsync(`t/${who}`, `${who}-${n}`, { qos: 1 }))),
  )
  await until(() => heard.length >= 2000)
  expect(new Set(heard.map(({ payload }) => payload.toString())).size).toBe(2000)
  expect(heard).toHaveLength(2000)
})

it('ends when it is closed, and then nobody calls it an accident', async () => {
  const broker = await startBroker()
  await broker.close()
  expect(alive(broker.pid)).toBe(false)
  expect(await broker.gone).toBeNull()
})

it('that dies by itself says so', async () => {
  const broker = await startBroker()
  process.kill(broker.pid, 'SIGKILL')
  expect(await broker.gone).toContain('ended by itself (SIGKILL)')
})

it('ends with its parent, however that ends', async () => {
  const dist = fileURLToPath(new URL('../../../dist/simulators/index.js', import.meta.url))
  const script = `const { startBroker } = await import(${JSON.stringify(join(dist))}); console.log((await startBroker()).pid)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text: Buffer) => resolve(Number(text))))
  expect(alive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !alive(pid))
})
