// node upload.mjs <endpoint> <key> <file> <storage> <sha256>
// Uploads the file, goes on with what <storage> remembers of it, prints the bytes so far a
// line each, and the upload's address at the end.
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { FileUrlStorage, Upload } from 'tus-js-client'

const [endpoint, key, file, storage, sha256] = process.argv.slice(2)
const upload = new Upload(createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${key}` },
  metadata: { filename: basename(file), sha256 },
  retryDelays: [100, 300, 1000, 3000, 3000, 3000, 5000, 5000, 5000],
  urlStorage: new FileUrlStorage(storage),
  onProgress: (sent) => console.log(sent),
  onSuccess: () => console.log(upload.url),
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
})
const [earlier] = await upload.findPreviousUploads()
if (earlier) upload.resumeFromPreviousUpload(earlier)
upload.start()
