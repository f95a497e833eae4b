package postgrestest

// Required lets the test give required an environment.
var Required = required
