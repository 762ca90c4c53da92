import "sessionmint/isolated-worker";
