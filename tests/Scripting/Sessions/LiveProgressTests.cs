namespace Aperture.Scripting.Tests.Sessions;

public class LiveProgressTests
{
    [Fact]
    public async Task A_place_that_cannot_change_shows_the_beginning_and_the_end()
    {
        using ScriptFixture f = new();
        await f.Value("var p = Progress(\"questions\", 300); for (int i = 1; i <= 300; i++) p.Report(i); ClearOutput();");
        Assert.Matches(@"^questions: 0 of 300, 0\.0 s\nquestions: 300 of 300, \d+\.\d s\n$", f.Output.ToString());
    }
}
