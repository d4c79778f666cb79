"""Documents that actions write: to files of the tenant, or to an endpoint."""
