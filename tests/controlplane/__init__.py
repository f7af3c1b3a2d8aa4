"""A real control plane for tests: etcd, kube-apiserver, kube-controller-manager and kubectl from ordinary Go modules."""
