import { join } from 'node:path'
import { Figures } from './figures.ts'
import { Holds } from './holds.ts'
import { Looks } from './looks.ts'
import { Pendings } from './pendings.ts'
import { Releases } from './releases.ts'
import { BillingSql } from './sql.ts'

/** Its name in the data directory. */
export const BILLING_FILE = 'billing.db'

/**
 * The book of what was billed (抄表数据发布台账) on disk: `billing.db` in the gateway's data directory. One writer numbers every change in the
 * transaction that makes it, so numbers are seen in their order and none comes later below one that was seen. Synchronous; it belongs in a
 * thread of its own.
 */
export class BillingFile {
  readonly #sql: BillingSql
  readonly figures: Figures
  readonly holds: Holds
  readonly releases: Releases
  readonly pendings: Pendings
  readonly looks: Looks

  /** @throws BillingTooNew, or when the file cannot be opened */
  constructor(directory: string) {
    this.#sql = new BillingSql(join(directory, BILLING_FILE))
    this.figures = new Figures(this.#sql)
    this.holds = new Holds(this.#sql, this.figures)
    this.releases = new Releases(this.#sql, this.figures, this.holds)
    this.pendings = new Pendings(this.#sql, this.figures, this.holds)
    this.looks = new Looks(this.#sql)
    this.releases.interruptAll()
  }

  close(): void {
    this.#sql.close()
  }
}
