/** Where the text of the harness is among the assets, for code that a call brings: below a path that the Worker alone reads. */
export const harnessPath = '/admin/harness.txt'
