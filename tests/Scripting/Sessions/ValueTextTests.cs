using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public class ValueTextTests
{
    [Fact]
    public void Long_collections_are_cut_and_say_how_many_are_left_out()
    {
        Assert.EndsWith("19, … 80 more]", ValueText.Format(Enumerable.Range(0, 100).ToArray()));
        Assert.EndsWith("19, …]", ValueText.Format(Enumerable.Range(0, int.MaxValue).Where(x => true)));
    }

    [Fact]
    public void Values_read_as_csharp_and_objects_as_their_properties()
    {
        Assert.Equal("null", ValueText.Format(null));
        Assert.Equal("plain", ValueText.Format("plain"));
        Assert.Equal("[\"a\", true, 'c', 1.5]", ValueText.Format(new object[] { "a", true, 'c', 1.5 }));
        Assert.Equal("[[\"k\"] = [1, 2]]", ValueText.Format(new Dictionary<string, int[]> { ["k"] = [1, 2] }));
        Assert.Equal("Sized { Width = 3, Broken = InvalidOperationException: no }", ValueText.Format(new Sized()));
    }

    private sealed class Sized
    {
        public int Width => 3;

        public int Broken => throw new InvalidOperationException("no");
    }
}
