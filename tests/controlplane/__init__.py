"""A real Kubernetes control plane for tests: started by pytest, stopped whatever becomes of pytest.

The fixture `api_server` gives an API server with etcd, in which nothing moves but what a test moves;
`control_plane` adds controllers, scheduler and nodes, so that Deployments roll out and `helm --wait` waits.
"""
