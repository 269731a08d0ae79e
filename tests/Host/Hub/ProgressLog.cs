using Aperture.Hub;

namespace Aperture.Host.Tests.Hub;

internal sealed class ProgressLog : IProgress<HubProgress>
{
    private readonly List<HubProgress> _items = [];

    public IReadOnlyList<HubProgress> Items
    {
        get
        {
            lock (_items)
            {
                return [.. _items];
            }
        }
    }

    public void Report(HubProgress value)
    {
        lock (_items)
        {
            _items.Add(value);
        }
    }
}
