"""The gRPC face of the service: servicers, conversions, errors and the server itself."""
