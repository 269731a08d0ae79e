using Aperture.Hub;

namespace Aperture.Host.Tests.Hub;

public class HubSettingsTests
{
    private static HubSettings Read(params (string Name, string Value)[] variables) =>
        HubSettings.FromEnvironment(name => variables.FirstOrDefault(v => v.Name == name).Value);

    [Fact]
    public void The_cache_folder_follows_the_variables_of_the_hubs_tools()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Assert.Equal(Path.Combine(home, ".cache/huggingface/hub"), Read().CacheFolder);
        Assert.Equal("/x/huggingface/hub", Read(("XDG_CACHE_HOME", "/x")).CacheFolder);
        Assert.Equal("/h/hub", Read(("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x")).CacheFolder);
        Assert.Equal("/c", Read(("HF_HUB_CACHE", "/c"), ("HF_HOME", "/h")).CacheFolder);
        Assert.Equal(home + "/h/hub", Read(("HF_HOME", "~/h")).CacheFolder);
    }

    [Fact]
    public void The_token_comes_from_the_variable_else_from_the_file()
    {
        string folder = Directory.CreateTempSubdirectory("aperture-token-").FullName;
        File.WriteAllText(Path.Combine(folder, "token"), "from-file\n");
        Assert.Equal("from-file", Read(("HF_HOME", folder)).Token);
        Assert.Equal("direct", Read(("HF_HOME", folder), ("HF_TOKEN", "direct")).Token);
        Assert.Null(Read(("HF_HOME", folder), ("HF_TOKEN", "direct"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token);
        Assert.Equal("from-file", Read(("HF_HOME", "/nowhere"), ("HF_TOKEN_PATH", Path.Combine(folder, "token"))).Token);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Endpoint_switches_and_time_outs_are_read()
    {
        Assert.Equal("https://mirror.example/hf", Read(("HF_ENDPOINT", "https://mirror.example/hf/")).Endpoint);
        Assert.Throws<ApertureException>(() => Read(("HF_ENDPOINT", "mirror")));
        Assert.True(Read(("HF_HUB_OFFLINE", "yes")).Offline);
        Assert.True(Read(("TRANSFORMERS_OFFLINE", "TRUE")).Offline);
        Assert.False(Read(("HF_HUB_OFFLINE", "0")).Offline);
        Assert.False(Read(("HF_HUB_DISABLE_SYMLINKS", "1")).UseSymlinks);
        Assert.Equal(TimeSpan.FromSeconds(3), Read(("HF_HUB_ETAG_TIMEOUT", "3")).EtagTimeout);
        Assert.Equal(TimeSpan.FromSeconds(10), Read(("HF_HUB_DOWNLOAD_TIMEOUT", "x")).DownloadTimeout);
    }
}
