#!/usr/bin/env node
// The command line where there is no shell to run `bin/lsmith`: the same, and a little slower to start.
import './launch.cjs';
