import { openInfluxStore } from '../../src/store/influx/index.ts'
import { startInfluxd } from '../support/influxd.ts'
import { storeContract } from './contract.ts'

storeContract(
  'InfluxDB 1.6',
  async () => {
    const server = await startInfluxd()
    const opened = await openInfluxStore({ url: server.url, version: 'v1', database: 'contract', createDatabase: true })
    if (!opened.ok) throw new Error(opened.error.message)
    const store = opened.value
    return {
      sink: store,
      store,
      close: async () => {
        await store.close()
        await server.destroy()
      },
    }
  },
  { exact: false, reasons: false, subSecond: true, retention: false },
)
